/* Findings of pictures. */
#include "verdict.h"

#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/trace/analyzer.h"

#define FINDINGS_BYTES_MAX ((size_t)256 << 10)

void
verdict_init(struct verdict *verdict, const struct analyzer *const *analyzers, size_t count,
             bool requests, struct catalog *catalog)
{
    *verdict = (struct verdict){.analyzers = analyzers,
                                .analyzer_count = MIN(count, (size_t)VERDICT_ANALYZERS_MAX),
                                .request_state = requests ? analyzer_request.open(catalog) : NULL,
                                .kept = keep_new(&finding_table)};
    for (size_t i = 0; i < verdict->analyzer_count; i++) {
        verdict->states[i] = analyzers[i]->open(catalog);
    }
    arena_init(&verdict->arena, FINDINGS_BYTES_MAX);
}

void
verdict_done(struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->analyzer_count; i++) {
        verdict->analyzers[i]->close(verdict->states[i]);
    }
    analyzer_request.close(verdict->request_state);
    keep_free(verdict->kept);
    arena_done(&verdict->arena);
}

static const char *
text_in(struct arena *arena, const char *text)
{
    return text != NULL ? arena_text(arena, text, strlen(text)) : NULL;
}

static const struct evidence *
copy_evidence(struct arena *arena, const struct finding *from)
{
    struct evidence *list = arena_news(arena, struct evidence, from->evidence_count);
    for (size_t i = 0; list != NULL && i < from->evidence_count; i++) {
        const struct evidence *evidence = &from->evidence[i];
        list[i] = (struct evidence){.label = text_in(arena, evidence->label),
                                    .value = text_in(arena, evidence->value),
                                    .metric = text_in(arena, evidence->metric),
                                    .labels = text_in(arena, evidence->labels)};
    }
    return list;
}

static void
copy_findings(struct findings *to, const struct finding *list, size_t count, const char *looked_at,
              const char *not_looked_at)
{
    to->count = MIN(count, ARRAY_SIZE(to->list));
    for (size_t i = 0; i < to->count; i++) {
        struct finding *finding = &to->list[i];
        *finding = list[i];
        finding->id = text_in(to->arena, list[i].id);
        finding->sentence = text_in(to->arena, list[i].sentence);
        finding->short_sentence = text_in(to->arena, list[i].short_sentence);
        finding->culprit = text_in(to->arena, list[i].culprit);
        finding->advice = text_in(to->arena, list[i].advice);
        finding->evidence = copy_evidence(to->arena, &list[i]);
        finding->evidence_count = finding->evidence != NULL ? list[i].evidence_count : 0;
    }
    to->looked_at = looked_at != NULL ? text_in(to->arena, looked_at) : "";
    to->not_looked_at = text_in(to->arena, not_looked_at);
}

void
verdict_set(struct verdict *verdict, const struct finding *findings, size_t count,
            const char *looked_at, const char *not_looked_at)
{
    arena_clear(&verdict->arena);
    verdict->theirs = (struct findings){.arena = &verdict->arena};
    verdict->elsewhere = findings != NULL;
    if (findings != NULL) {
        copy_findings(&verdict->theirs, findings, count, looked_at, not_looked_at);
    }
}

static void
judge(struct verdict *verdict, const struct picture *picture, struct findings *findings)
{
    const struct findings *theirs = &verdict->theirs;
    if (verdict->elsewhere) {
        copy_findings(findings, theirs->list, theirs->count, theirs->looked_at,
                      theirs->not_looked_at);
        return;
    }
    for (size_t i = 0; i < verdict->analyzer_count; i++) {
        verdict->analyzers[i]->run(verdict->states[i], picture, findings);
    }
    analyzer_request.run(verdict->request_state, picture, findings);
}

void
verdict_fill(struct verdict *verdict, bool old, struct picture *picture)
{
    struct findings findings = {.arena = &picture->arena, .looked_at = ""};
    judge(verdict, picture, &findings);
    picture->findings = arena_news(&picture->arena, struct finding, findings.count);
    if (picture->findings != NULL) {
        memcpy(picture->findings, findings.list, findings.count * sizeof(findings.list[0]));
        picture->finding_count = findings.count;
        findings_sort(picture->findings, picture->finding_count);
    }
    picture->looked_at = findings.looked_at;
    picture->not_looked_at = findings.not_looked_at;
    picture->thresholds = findings.thresholds;
    struct table *table =
        findings_to_table(picture->findings, picture->finding_count, &picture->arena);
    if (table != NULL && !old) {
        keep_add(verdict->kept, table,
                 (struct instant){.mono_ns = picture->mono_ns, .wall_ns = picture->wall_ns});
    }
}
