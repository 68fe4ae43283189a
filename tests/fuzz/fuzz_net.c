/* /proc/net/dev, snmp, netstat, snmp6, sockstat, sys/fs/file-nr, and netlink's answers. The first
 * byte chooses. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/kept.h"
#include "../../src/sources/proc_file.h"
#include "../../src/sources/proc_mib.h"
#include "../../src/sources/proc_network.h"
#include "../../src/sources/sock_diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_interfaces(struct str text)
{
    for (struct str line; kept_line(&text, &line);) {
        struct net_line parsed;
        if (net_line_parse(line, &parsed)) {
            assert(parsed.name.n > 0 && memchr(parsed.name.p, '/', parsed.name.n) == NULL);
        }
    }
}

/* What was learnt of one reading must not change what another one says. */
static void
try_group(struct str text)
{
    struct mib used = {.group = "Tcp", .keys = {"ActiveOpens", "InSegs", "RetransSegs"}},
               fresh = used;
    double first[MIB_KEYS_MAX], second[MIB_KEYS_MAX];
    size_t half = text.n / 2;
    mib_take(&used, (struct str){text.p, half}, first);
    struct str rest = {text.p + half, text.n - half};
    assert(mib_take(&used, rest, first) == mib_take(&fresh, rest, second));
    for (size_t i = 0; i < MIB_KEYS_MAX; i++) {
        assert(first[i] == second[i] || (isnan(first[i]) && isnan(second[i])));
    }
}

static void
try_lines(struct str text)
{
    struct str rest = text;
    double errors = mib_line(&rest, "Udp6InErrors");
    assert(isnan(errors) || errors >= 0);
    assert(rest.p + rest.n == text.p + text.n);
    mib_pair(text, "TCP", "mem");
    struct file_counts counts;
    assert(!file_counts_parse(text, &counts) || counts.open <= UINT64_MAX);
}

static void
try_sockets(struct str text)
{
    static struct rtt_sample sample;
    memset(&sample, 0, sizeof(sample));
    rtt_take(&sample, text.p, text.n);
    struct rtt_summary summary = rtt_summarize(&sample);
    assert(summary.count <= SOCK_DIAG_PEERS_MAX);
    assert(summary.count == 0 ? isnan(summary.median_s) : summary.median_s <= summary.p95_s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct str) = {try_interfaces, try_group, try_lines, try_sockets};
    if (size > 0) {
        tries[data[0] % 4]((struct str){(const char *)data + 1, size - 1});
    }
    return 0;
}
