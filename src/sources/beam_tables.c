/* What a node has besides processes: ETS tables, ports, applications, other nodes, supervisors. */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "beam_node.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/sources/beam_metrics.h"

#define ROWS_MAX 1000u
#define ADDRESS_BYTES 64

/* The elements of a tuple of `arity`, into that many texts. */
static bool
elements(struct str term, uint32_t arity, struct str *ret)
{
    if (!etf_tuple(&term, arity)) {
        return false;
    }
    for (uint32_t i = 0; i < arity; i++) {
        if (!etf_skip(&term, &ret[i])) {
            return false;
        }
    }
    return true;
}

static double
number(struct str term)
{
    double value;
    return etf_number(&term, &value) ? value : NAN;
}

/* {Count, [Row]}: the table, and its rows to come. */
static struct table *
begin_counted(struct str reply, const struct table_def *def, struct batch *batch,
              struct etf_list *ret_list)
{
    struct str parts[2];
    struct table *table = batch_table(batch, def, 64);
    double count;
    if (table == NULL || !elements(reply, 2, parts) || !etf_list(&parts[1], ret_list)) {
        batch->rejected++;
        return NULL;
    }
    count = number(parts[0]);
    table->total = count >= 0 && count < INT32_MAX ? (size_t)count : 0;
    ret_list->left = MIN(ret_list->left, ROWS_MAX);
    return table;
}

static union cell *
add(struct table *table, struct batch *batch)
{
    return table->count < ROWS_MAX ? table_add(table, batch->arena) : NULL;
}

static double
rate(double now, double before, double seconds)
{
    return seconds > 0 && now >= before ? (now - before) / seconds : NAN;
}

static double
seconds_since(const struct beam_before *before, const struct batch *batch)
{
    return before->at_ns != 0 ? (double)(batch->at.mono_ns - before->at_ns) / 1e9 : NAN;
}

static uint64_t
key_of(const char *text)
{
    return hash_bytes(text, strlen(text));
}

/* ---- ETS ---- */

void
beam_read_ets(struct beam_node *node, struct str reply, struct batch *batch)
{
    struct etf_list list;
    struct str term, parts[7];
    struct table *table = begin_counted(reply, &beam_ets_table, batch, &list);
    while (table != NULL && etf_list_next(&list, &term)) {
        if (!elements(term, ARRAY_SIZE(parts), parts)) {
            batch->rejected++;
            continue;
        }
        union cell *row = add(table, batch);
        if (row == NULL) {
            return;
        }
        row[BEAM_ETS_KEY].text = beam_term(batch, parts[0]);
        row[BEAM_ETS_NAME].text = beam_term(batch, parts[1]);
        row[BEAM_ETS_OBJECTS].real = number(parts[2]);
        row[BEAM_ETS_MEMORY].real = number(parts[3]) * (double)node->word_bytes;
        row[BEAM_ETS_TYPE].text = beam_text(batch, parts[4]);
        row[BEAM_ETS_PROTECTION].text = beam_text(batch, parts[5]);
        row[BEAM_ETS_OWNER].text = beam_term(batch, parts[6]);
    }
}

/* ---- ports ---- */

/* {ok, {Address, Port}}, the address a tuple of 4 bytes or of 8 words; or {local, Path}. */
static bool
print_address(struct str term, char *dst, size_t size)
{
    struct str parts[2], inner[2];
    struct etf_term head;
    char text[INET6_ADDRSTRLEN] = "";
    double port;
    if (!elements(term, 2, parts) || !etf_is_atom(parts[0], "ok") ||
        !elements(parts[1], 2, inner)) {
        return false;
    }
    if (etf_is_atom(inner[0], "local")) {
        return etf_text(inner[1], dst, size);
    }
    port = number(inner[1]);
    if (!etf_next(&inner[0], &head) || head.type != ETF_TUPLE ||
        (head.children != 4 && head.children != 8)) {
        return false;
    }
    bool six = head.children == 8;
    unsigned char bytes[16] = {0};
    for (size_t i = 0; i < head.children; i++) {
        int64_t value;
        if (!etf_integer(&inner[0], &value)) {
            return false;
        }
        bytes[six ? 2 * i : i] = (unsigned char)(six ? value >> 8 : value);
        bytes[six ? 2 * i + 1 : i] = (unsigned char)value;
    }
    inet_ntop(six ? AF_INET6 : AF_INET, bytes, text, sizeof(text));
    snprintf(dst, size, six ? "[%s]:%.0f" : "%s:%.0f", text, port);
    return true;
}

static const char *
addresses(struct batch *batch, struct str own, struct str other)
{
    char first[ADDRESS_BYTES], second[ADDRESS_BYTES], both[2 * ADDRESS_BYTES + 4];
    bool has_first = print_address(own, first, sizeof(first));
    bool has_second = print_address(other, second, sizeof(second));
    if (!has_first && !has_second) {
        return NULL;
    }
    snprintf(both, sizeof(both), "%s%s%s", has_first ? first : "",
             has_first && has_second ? " - " : "", has_second ? second : "");
    return arena_text(batch->arena, both, strlen(both));
}

void
beam_read_ports(struct beam_node *node, struct str reply, struct batch *batch)
{
    struct etf_list list;
    struct str term, parts[8], ends[2];
    struct beam_before next;
    double seconds = seconds_since(&node->ports, batch);
    struct table *table = begin_counted(reply, &beam_port_table, batch, &list);
    beam_before_begin(&next);
    while (table != NULL && etf_list_next(&list, &term)) {
        union cell *row = elements(term, ARRAY_SIZE(parts), parts) ? add(table, batch) : NULL;
        if (row == NULL) {
            batch->rejected++;
            continue;
        }
        double in = number(parts[3]), out = number(parts[4]);
        row[BEAM_PORT_KEY].text = beam_term(batch, parts[0]);
        row[BEAM_PORT_NAME].text = beam_text(batch, parts[1]);
        row[BEAM_PORT_OWNER].text = beam_term(batch, parts[2]);
        row[BEAM_PORT_QUEUE].real = number(parts[5]);
        row[BEAM_PORT_MEMORY].real = number(parts[6]);
        row[BEAM_PORT_ADDRESS].text =
            elements(parts[7], 2, ends) ? addresses(batch, ends[0], ends[1]) : NULL;
        if (row[BEAM_PORT_KEY].text == NULL) {
            continue;
        }
        uint64_t key = key_of(row[BEAM_PORT_KEY].text);
        const double *before = beam_before_get(&node->ports, key);
        row[BEAM_PORT_IN].real = before != NULL ? rate(in, before[0], seconds) : NAN;
        row[BEAM_PORT_OUT].real = before != NULL ? rate(out, before[1], seconds) : NAN;
        beam_before_add(&next, key, in, out);
    }
    beam_before_end(&node->ports, &next, batch->at.mono_ns);
}

/* ---- applications ---- */

static void
describe(const struct beam_node *node, union cell *row, struct batch *batch)
{
    for (size_t i = 0; i < node->master_count; i++) {
        const struct beam_master *master = &node->masters[i];
        if (strcmp(master->name, row[BEAM_APPLICATION_NAME].text) == 0) {
            row[BEAM_APPLICATION_VERSION].text =
                master->version[0] != '\0'
                    ? arena_text(batch->arena, master->version, strlen(master->version))
                    : NULL;
            row[BEAM_APPLICATION_TEXT].text =
                master->text[0] != '\0'
                    ? arena_text(batch->arena, master->text, strlen(master->text))
                    : NULL;
        }
    }
}

void
beam_read_applications(struct beam_node *node, struct str reply, struct batch *batch)
{
    struct etf_list list;
    struct str term, pair[2], who[2], sums[5];
    struct beam_before next;
    double seconds = seconds_since(&node->applications, batch);
    struct table *table = batch_table(batch, &beam_application_table, 64);
    beam_before_begin(&next);
    bool is = table != NULL && etf_list(&reply, &list);
    batch->rejected += !is;
    list.left = is ? MIN(list.left, ROWS_MAX) : 0;
    while (is && etf_list_next(&list, &term)) {
        union cell *row =
            elements(term, 2, pair) && elements(pair[0], 2, who) && elements(pair[1], 5, sums)
                ? add(table, batch)
                : NULL;
        const char *name = row != NULL ? beam_text(batch, who[0]) : NULL;
        if (name == NULL) {
            batch->rejected++;
            continue;
        }
        double reductions = number(sums[2]);
        const double *before = beam_before_get(&node->applications, key_of(name));
        row[BEAM_APPLICATION_NAME].text = name;
        row[BEAM_APPLICATION_PROCESSES].real = number(sums[1]);
        row[BEAM_APPLICATION_REDUCTIONS].real =
            before != NULL ? rate(reductions, before[0], seconds) : NAN;
        row[BEAM_APPLICATION_QUEUE].real = number(sums[3]);
        row[BEAM_APPLICATION_HEAP].real = number(sums[4]) * (double)node->word_bytes;
        describe(node, row, batch);
        beam_before_add(&next, key_of(name), reductions, 0);
        table->total = table->count;
    }
    beam_before_end(&node->applications, &next, batch->at.mono_ns);
}

/* ---- other nodes ---- */

void
beam_read_peers(struct beam_node *node, struct str reply, struct batch *batch)
{
    struct etf_list list;
    struct str term, parts[3], bytes[3];
    struct beam_before next;
    double seconds = seconds_since(&node->peers, batch), all = 0, most = 0;
    struct table *table = batch_table(batch, &beam_peer_table, 16);
    beam_before_begin(&next);
    if (table == NULL || !etf_list(&reply, &list)) {
        batch->rejected++;
        return;
    }
    list.left = MIN(list.left, ROWS_MAX);
    while (etf_list_next(&list, &term)) {
        union cell *row = elements(term, 3, parts) ? add(table, batch) : NULL;
        const char *name = row != NULL ? beam_text(batch, parts[0]) : NULL;
        if (name == NULL) {
            continue;
        }
        row[BEAM_PEER_NAME].text = name;
        row[BEAM_PEER_TYPE].text = etf_is_atom(parts[1], "true") ? "visible" : "hidden";
        row[BEAM_PEER_STATE].text = "up";
        if (elements(parts[2], 3, bytes)) {
            double waits = number(bytes[0]), in = number(bytes[1]), out = number(bytes[2]);
            const double *before = beam_before_get(&node->peers, key_of(name));
            row[BEAM_PEER_BUFFER].real = waits;
            row[BEAM_PEER_IN].real = before != NULL ? rate(in, before[0], seconds) : NAN;
            row[BEAM_PEER_OUT].real = before != NULL ? rate(out, before[1], seconds) : NAN;
            beam_before_add(&next, key_of(name), in, out);
            all += isnan(waits) ? 0 : waits;
            most = waits > most ? waits : most;
        }
    }
    table->total = table->count;
    batch_put(batch, &beam_metrics[BEAM_PEERS], node->labels, (double)table->count);
    batch_put(batch, &beam_metrics[BEAM_DISTRIBUTION_BUFFER], node->labels, all);
    batch_put(batch, &beam_metrics[BEAM_DISTRIBUTION_BUFFER_MOST], node->labels, most);
    if (node->buffer_limit > 0) {
        batch_put(batch, &beam_metrics[BEAM_DISTRIBUTION_BUFFER_LIMIT], node->labels,
                  node->buffer_limit);
    }
    beam_before_end(&node->peers, &next, batch->at.mono_ns);
}

/* ---- supervisors ---- */

/* {Id,Pid,Parent,Type,Children}; of an application the pid is its master's, and the parent 0. */
void
beam_read_tree(struct beam_node *node, struct str reply, struct batch *batch)
{
    struct etf_list list;
    struct str term, parts[5];
    struct table *table = batch_table(batch, &beam_supervisor_table, 256);
    (void)node;
    if (table == NULL || !etf_list(&reply, &list)) {
        batch->rejected++;
        return;
    }
    list.left = MIN(list.left, ROWS_MAX);
    while (etf_list_next(&list, &term)) {
        union cell *row = elements(term, ARRAY_SIZE(parts), parts) ? add(table, batch) : NULL;
        const char *text = NULL;
        int64_t key, parent = 0;
        if (row == NULL) {
            continue;
        }
        bool runs = beam_pid(batch, parts[1], &text, &key);
        const char *other;
        beam_pid(batch, parts[2], &other, &parent);
        row[BEAM_SUPERVISOR_KEY].integer = runs ? key : -(int64_t)table->count;
        row[BEAM_SUPERVISOR_PARENT].integer = parent;
        row[BEAM_SUPERVISOR_NAME].text = beam_term(batch, parts[0]);
        row[BEAM_SUPERVISOR_PID].text = text;
        row[BEAM_SUPERVISOR_TYPE].text = beam_text(batch, parts[3]);
        row[BEAM_SUPERVISOR_CHILDREN].real = number(parts[4]);
        row[BEAM_SUPERVISOR_STATUS].text = runs ? "running" : beam_text(batch, parts[1]);
    }
    table->total = table->count;
}
