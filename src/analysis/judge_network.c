/* The network, and tables of the kernel that fill up: files and connections. */
#include <math.h>
#include <stdio.h>

#include "flametop/base/macros.h"
#include "flametop/core/unit.h"
#include "judge.h"

static void
judge_loss(struct bench *bench)
{
    double packets = reading_of(bench, READ_NETWORK_PACKETS);
    static const struct {
        enum reading reading;
        const char *kind, *word, *metric, *advice;
        double least, share;
    } rows[] = {
        {READ_NETWORK_ERRORS, "network.errors", "broken", "system.network.errors",
         "A bad cable, port or driver: ip -s link says which interface and what kind.", 5, 0.0005},
        {READ_NETWORK_DROPPED, "network.dropped", "dropped", "system.network.dropped",
         "Queues are too short for the bursts: ethtool -g, net.core.netdev_max_backlog.", 50, 0.01},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double lost = reading_of(bench, rows[i].reading), share = lost / fmax(packets, 1);
        bool chosen = bench->limits[rows[i].reading].chosen;
        struct judgement *j =
            (chosen || share >= rows[i].share) &&
                    lost >= judge_limit(bench, rows[i].reading, rows[i].least, rows[i].kind, "")
                ? judge_say(bench, rows[i].kind, "", 30 + 50 * fmin(share * 10, 1))
                : NULL;
        if (j == NULL) {
            continue;
        }
        char rate[32], part[32];
        unit_format(lost, "{packet}/s", false, rate, sizeof(rate));
        unit_format(share, "1", false, part, sizeof(part));
        snprintf(j->what, sizeof(j->what), "network: %s packets %s (%s of all)", rate, rows[i].word,
                 part);
        snprintf(j->brief, sizeof(j->brief), "%s packets %s", rate, rows[i].word);
        snprintf(j->was, sizeof(j->was), "%s packets were %s", rate, rows[i].word);
        judge_chosen(bench, j, rows[i].reading, lost);
        j->advice = rows[i].advice;
        j->hold_ns = 5 * NS_PER_S;
        judge_proof(j, rows[i].word, lost, "{packet}/s", rows[i].metric, "");
        judge_proof(j, "packets", packets, "{packet}/s", "system.network.packets", "");
    }
}

static void
judge_retransmits(struct bench *bench)
{
    double again = reading_of(bench, READ_RETRANSMITS), all = reading_of(bench, READ_SEGMENTS);
    double share = again / fmax(all, 1);
    struct judgement *j = again >= 10 && share >= 0.02 ? judge_say(bench, "network.retransmits", "",
                                                                   30 + 50 * fmin(share * 5, 1))
                                                       : NULL;
    if (j == NULL) {
        return;
    }
    char part[32];
    unit_format(share, "1", false, part, sizeof(part));
    snprintf(j->what, sizeof(j->what), "TCP sends %s of its segments twice", part);
    snprintf(j->brief, sizeof(j->brief), "TCP retransmits %s", part);
    snprintf(j->was, sizeof(j->was), "TCP sent %s of its segments twice", part);
    j->advice = "Packets are lost on the way: compare with the interfaces' drops, then look at the "
                "other end.";
    j->hold_ns = 5 * NS_PER_S;
    judge_proof(j, "retransmitted", again, "{segment}/s", "system.network.tcp.retransmits", "");
    judge_proof(j, "sent", all, "{segment}/s", "system.network.tcp.segments", "direction=transmit");
}

static void
judge_link(struct bench *bench)
{
    double use = reading_of(bench, READ_LINK);
    struct judgement *j = use >= judge_limit(bench, READ_LINK, 0.9, "network.link", "")
                              ? judge_say(bench, "network.link", "", 40 + 300 * fmax(use - 0.9, 0))
                              : NULL;
    if (j == NULL) {
        return;
    }
    char share[32];
    unit_format(use, "1", false, share, sizeof(share));
    snprintf(j->what, sizeof(j->what), "a network link carries %s of what it can", share);
    snprintf(j->brief, sizeof(j->brief), "network link %s full", share);
    snprintf(j->was, sizeof(j->was), "a network link was %s full", share);
    judge_chosen(bench, j, READ_LINK, use);
    j->advice = "See the interfaces in System (2): which direction, and what speed was negotiated.";
    judge_proof(j, "busiest link", use, "1", "system.network.link.utilization", "");
}

static void
judge_listen(struct bench *bench)
{
    double drops = reading_of(bench, READ_LISTEN_DROPS);
    struct judgement *j =
        drops > 0 && drops >= judge_limit(bench, READ_LISTEN_DROPS, 0, "network.listen", "")
            ? judge_say(bench, "network.listen", "", 35 + 30 * fmin(drops / 50, 1))
            : NULL;
    if (j == NULL) {
        return;
    }
    char rate[32];
    unit_format(drops, "{connection}/s", false, rate, sizeof(rate));
    snprintf(j->what, sizeof(j->what),
             "%s connections are refused because a server accepts too slowly", rate);
    snprintf(j->brief, sizeof(j->brief), "listen queue overflows");
    snprintf(j->was, sizeof(j->was), "a listen queue overflowed");
    judge_chosen(bench, j, READ_LISTEN_DROPS, drops);
    j->advice = "ss -ltn shows the full queue (Recv-Q at Send-Q); raise its backlog and "
                "net.core.somaxconn.";
    judge_proof(j, "listen overflows", drops, "{connection}/s",
                "system.network.tcp.listen.overflows", "");
}

void
judge_network(struct bench *bench)
{
    judge_loss(bench);
    judge_retransmits(bench);
    judge_link(bench);
    judge_listen(bench);
}

void
judge_limits(struct bench *bench)
{
    static const struct {
        enum reading reading;
        const char *kind, *what, *metric, *advice;
    } rows[] = {
        {READ_FILES, "files.limit", "open files", "system.file.descriptor.utilization",
         "Some process leaks descriptors (ls /proc/PID/fd | wc -l), or fs.file-max is too low."},
        {READ_CONNTRACK, "network.conntrack", "tracked connections",
         "system.network.conntrack.utilization",
         "New connections will be dropped: raise net.netfilter.nf_conntrack_max or shorten its "
         "timeouts."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double use = reading_of(bench, rows[i].reading);
        struct judgement *j =
            use >= judge_limit(bench, rows[i].reading, 0.85, rows[i].kind, "")
                ? judge_say(bench, rows[i].kind, "", 35 + 400 * fmax(use - 0.85, 0))
                : NULL;
        if (j == NULL) {
            continue;
        }
        char share[32];
        unit_format(use, "1", false, share, sizeof(share));
        snprintf(j->what, sizeof(j->what), "%s are at %s of their limit", rows[i].what, share);
        snprintf(j->brief, sizeof(j->brief), "%s at %s", rows[i].what, share);
        snprintf(j->was, sizeof(j->was), "%s were at %s of their limit", rows[i].what, share);
        judge_chosen(bench, j, rows[i].reading, use);
        j->advice = rows[i].advice;
        judge_proof(j, rows[i].what, use, "1", rows[i].metric, "");
    }
}
