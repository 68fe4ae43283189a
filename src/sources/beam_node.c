/* What the readers of a node's answers have in common: its own description, names, and what is
 * remembered for rates. */
#include "beam_node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/sources/beam_metrics.h"

#define TERM_BYTES 256

/* ---- calls ---- */

enum info {
    INFO_NAME,
    INFO_OS_PID,
    INFO_RELEASE,
    INFO_ERTS,
    INFO_FLAVOR,
    INFO_WORD,
    INFO_SCHEDULERS,
    INFO_DIRTY_CPU,
    INFO_ONLINE,
    INFO_DIRTY_CPU_ONLINE,
    INFO_DIRTY_IO,
    INFO_STARTED,
    INFO_BUFFER_LIMIT,
    INFO_ELIXIR,
    INFOS
};

static const struct beam_call info_calls[INFOS] = {
    [INFO_NAME] = {"erlang", "node", NULL, NULL},
    [INFO_OS_PID] = {"os", "getpid", NULL, NULL},
    [INFO_RELEASE] = {"erlang", "system_info", "otp_release", NULL},
    [INFO_ERTS] = {"erlang", "system_info", "version", NULL},
    [INFO_FLAVOR] = {"erlang", "system_info", "emu_flavor", NULL},
    [INFO_WORD] = {"erlang", "system_info", "wordsize", NULL},
    [INFO_SCHEDULERS] = {"erlang", "system_info", "schedulers", NULL},
    [INFO_DIRTY_CPU] = {"erlang", "system_info", "dirty_cpu_schedulers", NULL},
    [INFO_ONLINE] = {"erlang", "system_info", "schedulers_online", NULL},
    [INFO_DIRTY_CPU_ONLINE] = {"erlang", "system_info", "dirty_cpu_schedulers_online", NULL},
    [INFO_DIRTY_IO] = {"erlang", "system_info", "dirty_io_schedulers", NULL},
    [INFO_STARTED] = {"erlang", "system_info", "start_time", NULL},
    [INFO_BUFFER_LIMIT] = {"erlang", "system_info", "dist_buf_busy_limit", NULL},
    /* Only whether it is loaded: a call of what is not would load it. */
    [INFO_ELIXIR] = {"erlang", "module_loaded", "Elixir.System", NULL},
};
const struct beam_calls beam_calls_info = {info_calls, INFOS};

static const struct beam_call language_calls[] = {{"Elixir.System", "version", NULL, NULL}};
const struct beam_calls beam_calls_language = {language_calls, ARRAY_SIZE(language_calls)};

static const struct beam_call application_calls[] = {
    {"application", "which_applications", NULL, NULL}};
const struct beam_calls beam_calls_applications = {application_calls,
                                                   ARRAY_SIZE(application_calls)};

unsigned
beam_put_arguments(struct buf *out, const struct beam_call *call)
{
    if (call->argument == NULL) {
        return 0;
    }
    if (call->wrap != NULL) {
        etf_put_tuple(out, 2);
        etf_put_atom(out, call->wrap);
    }
    etf_put_atom(out, call->argument);
    return 1;
}

void
beam_put_calls(struct buf *out, const struct beam_calls *calls)
{
    etf_put_list(out, (uint32_t)calls->count);
    for (size_t i = 0; i < calls->count; i++) {
        const struct beam_call *call = &calls->list[i];
        etf_put_tuple(out, 3);
        etf_put_atom(out, call->module);
        etf_put_atom(out, call->function);
        if (call->argument != NULL) {
            etf_put_list(out, 1);
            beam_put_arguments(out, call);
        }
        etf_put_nil(out);
    }
    etf_put_nil(out);
}

/* ---- the node itself ---- */

static int64_t
integer_of(struct str term, int64_t fallback)
{
    int64_t value;
    return etf_integer(&term, &value) ? value : fallback;
}

/* How many there are of something. */
static int64_t
count_of(struct str term, int64_t fallback)
{
    return CLAMP(integer_of(term, fallback), 0, INT32_MAX);
}

static void
text_of(struct str term, char *dst, size_t size)
{
    dst[0] = '\0';
    if (!etf_text(term, dst, size) || strcmp(dst, "error") == 0 || strcmp(dst, "undefined") == 0) {
        dst[0] = '\0';
    }
}

bool
beam_take_info(struct beam_node *node, const struct str *values)
{
    char pid[24];
    text_of(values[INFO_NAME], node->name, sizeof(node->name));
    if (node->name[0] == '\0') {
        return false;
    }
    node->labels[0] = '\0';
    labels_add(node->labels, sizeof(node->labels), "node", str_from(node->name));
    text_of(values[INFO_OS_PID], pid, sizeof(pid));
    node->os_pid = strtoll(pid, NULL, 10);
    text_of(values[INFO_RELEASE], node->release, sizeof(node->release));
    text_of(values[INFO_ERTS], node->erts, sizeof(node->erts));
    text_of(values[INFO_FLAVOR], node->flavor, sizeof(node->flavor));
    node->word_bytes = CLAMP(integer_of(values[INFO_WORD], 8), 4, 8);
    node->schedulers = count_of(values[INFO_SCHEDULERS], 0);
    node->dirty_cpu = count_of(values[INFO_DIRTY_CPU], 0);
    node->online = count_of(values[INFO_ONLINE], node->schedulers);
    node->dirty_cpu_online = count_of(values[INFO_DIRTY_CPU_ONLINE], node->dirty_cpu);
    node->dirty_io_online = count_of(values[INFO_DIRTY_IO], 0);
    node->started_ns = integer_of(values[INFO_STARTED], 0);
    node->buffer_limit = (double)integer_of(values[INFO_BUFFER_LIMIT], 0);
    node->uptime_s = node->round_trip_s = node->scan_interval_s = NAN;
    str_copy(STR("Erlang"), node->language, sizeof(node->language));
    node->elixir = etf_is_atom(values[INFO_ELIXIR], "true");
    return true;
}

void
beam_take_language(struct beam_node *node, const struct str *values)
{
    char version[24];
    text_of(values[0], version, sizeof(version));
    if (version[0] != '\0') {
        snprintf(node->language, sizeof(node->language), "Elixir %s", version);
    }
}

/* ---- applications ---- */

void
beam_take_masters(struct beam_node *node, struct str masters)
{
    struct etf_list list;
    struct str pair, name;
    struct etf_term pid;
    size_t count = 0;
    if (!etf_list(&masters, &list)) {
        return;
    }
    while (count < BEAM_MASTERS_MAX && etf_list_next(&list, &pair)) {
        struct beam_master *master = &node->masters[count];
        if (etf_tuple(&pair, 2) && etf_skip(&pair, &name) && etf_next(&pair, &pid) &&
            pid.type == ETF_PID) {
            char text[sizeof(master->name)];
            text_of(name, text, sizeof(text));
            if (strcmp(text, master->name) != 0) {
                *master = (struct beam_master){.id = 0};
                str_copy(str_from(text), master->name, sizeof(master->name));
            }
            master->id = (uint32_t)pid.integer;
            master->serial = pid.serial;
            count++;
        }
    }
    node->master_count = count;
}

/* [{Application, Description, Version}]. */
void
beam_take_applications(struct beam_node *node, const struct str *values)
{
    struct etf_list list;
    struct str all = values[0], row, name, text, version;
    char shown[64];
    for (bool is = etf_list(&all, &list); is && etf_list_next(&list, &row);) {
        if (!etf_tuple(&row, 3) || !etf_skip(&row, &name) || !etf_skip(&row, &text) ||
            !etf_skip(&row, &version)) {
            continue;
        }
        text_of(name, shown, sizeof(shown));
        for (size_t i = 0; i < node->master_count; i++) {
            struct beam_master *master = &node->masters[i];
            if (strcmp(master->name, shown) == 0) {
                text_of(text, master->text, sizeof(master->text));
                text_of(version, master->version, sizeof(master->version));
            }
        }
    }
}

const char *
beam_application_of(const struct beam_node *node, struct str leader)
{
    struct etf_term pid;
    if (!etf_next(&leader, &pid) || pid.type != ETF_PID) {
        return NULL;
    }
    for (size_t i = 0; i < node->master_count; i++) {
        const struct beam_master *master = &node->masters[i];
        if (master->id == (uint32_t)pid.integer && master->serial == pid.serial) {
            return master->name;
        }
    }
    return NULL;
}

/* ---- texts ---- */

const char *
beam_text(struct batch *batch, struct str term)
{
    char text[TERM_BYTES];
    return etf_text(term, text, sizeof(text)) ? arena_text(batch->arena, text, strlen(text)) : NULL;
}

const char *
beam_term(struct batch *batch, struct str term)
{
    char text[TERM_BYTES];
    if (term.n == 0 || etf_is_atom(term, "undefined")) {
        return NULL;
    }
    etf_print(term, text, sizeof(text));
    return arena_text(batch->arena, text, strlen(text));
}

/* Modules of Elixir as Elixir writes them. Answers whether it is one. */
static bool
strip_elixir(struct str *atom)
{
    bool elixir = str_starts(*atom, "Elixir.") && atom->n > 7;
    if (elixir) {
        *atom = (struct str){atom->p + 7, atom->n - 7};
    }
    return elixir;
}

const char *
beam_function(struct batch *batch, struct str term)
{
    struct str module, function, arity, at = term;
    struct etf_list arguments;
    char name[TERM_BYTES], text[TERM_BYTES];
    int64_t count;
    if (!etf_tuple(&at, 3) || !etf_atom(&at, &module) || !etf_atom(&at, &function) ||
        !etf_skip(&at, &arity)) {
        return NULL;
    }
    struct str of_list = arity;
    if (!etf_integer(&arity, &count)) {
        count = etf_list(&of_list, &arguments) ? (int64_t)arguments.left : -1;
    }
    bool elixir = strip_elixir(&module);
    strip_elixir(&function); /* of supervisors it is the module of who asked for one */
    utf8_clean(module, name, sizeof(name));
    size_t n = (size_t)snprintf(text, sizeof(text), "%.160s%c", name, elixir ? '.' : ':');
    utf8_clean(function, name, sizeof(name));
    snprintf(text + n, sizeof(text) - n, "%.80s", name);
    n = strlen(text);
    if (count >= 0) {
        snprintf(text + n, sizeof(text) - n, "/%lld", (long long)count);
    }
    return arena_text(batch->arena, text, strlen(text));
}

bool
beam_pid(struct batch *batch, struct str term, const char **ret_text, int64_t *ret_key)
{
    struct str at = term;
    struct etf_term pid;
    char text[48];
    if (!etf_next(&at, &pid) || pid.type != ETF_PID) {
        return false;
    }
    etf_print(term, text, sizeof(text));
    *ret_text = arena_text(batch->arena, text, strlen(text));
    *ret_key = beam_process_key((uint32_t)pid.integer, pid.serial);
    return true;
}

/* ---- what was ---- */

static int
compare_key(const void *key, const void *row)
{
    uint64_t a = *(const uint64_t *)key, b = *(const uint64_t *)row;
    return a < b ? -1 : a > b;
}

const double *
beam_before_get(const struct beam_before *before, uint64_t key)
{
    const void *found =
        bsearch(&key, before->rows, before->count, sizeof(before->rows[0]), compare_key);
    size_t i = found != NULL ? (size_t)((const char *)found - (const char *)before->rows) /
                                   sizeof(before->rows[0])
                             : 0;
    return found != NULL ? before->rows[i].values : NULL;
}

void
beam_before_begin(struct beam_before *next)
{
    next->count = 0;
}

void
beam_before_add(struct beam_before *next, uint64_t key, double a, double b)
{
    if (next->count < BEAM_BEFORE_MAX) {
        next->rows[next->count].key = key;
        next->rows[next->count].values[0] = a;
        next->rows[next->count++].values[1] = b;
    }
}

static int
compare_rows(const void *a, const void *b)
{
    return compare_key(a, b);
}

void
beam_before_end(struct beam_before *before, struct beam_before *next, int64_t at_ns)
{
    qsort(next->rows, next->count, sizeof(next->rows[0]), compare_rows);
    memcpy(before->rows, next->rows, next->count * sizeof(next->rows[0]));
    before->count = next->count;
    before->at_ns = at_ns;
}
