/* Targets as they are looked at: each has its own newest picture, its own past and its own panels.
 *
 * Invariant: seat->live is a picture that was made while there was a connection (or needs none), so
 * what is shown never loses its values because a link was cut; seat->newest alone says how the link
 * is doing. */
#include "app_state.h"
#include "command.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"

static void
replace(struct picture **place, struct picture *picture)
{
    struct picture *before = *place;
    *place = picture != NULL ? picture_acquire(picture) : NULL;
    if (before != NULL) {
        picture_release(before);
    }
}

static void
seat_done(struct seat *seat)
{
    for (size_t i = 0; i < view_count; i++) {
        for (size_t form = 0; form < 2; form++) {
            view_close(seat->opened[i][form].boxes, seat->opened[i][form].count);
        }
    }
    replace(&seat->held, NULL);
    replace(&seat->live, NULL);
    replace(&seat->newest, NULL);
    fleet_queries_done(&seat->queries);
}

/* Before another is opened: there is one at a time. */
static void
close_instance(struct app *app)
{
    app->home = app->home == &app->instance ? app->seats : app->home;
    seat_done(&app->instance);
    sampling_forget(app, app->instance.engine);
    engine_free(app->instance.engine);
    memset(&app->instance, 0, sizeof(app->instance));
    app->instance_name[0] = '\0';
}

void
seats_done(struct app *app)
{
    close_instance(app);
    for (size_t i = 0; i < app->seat_count; i++) {
        seat_done(&app->seats[i]);
    }
    seat_done(&app->fleet);
    memset(&app->fleet, 0, sizeof(app->fleet));
    free(app->seats);
    app->seats = app->seat = app->home = NULL;
    app->seat_count = 0;
}

bool
seats_init(struct app *app, const struct app_target *targets, size_t count)
{
    assert(count > 0);
    struct seat *seats = calloc(count, sizeof(*seats));
    if (seats == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        seats[i].engine = targets[i].engine;
        seats[i].since_mono_ns = app_now_ns(app);
        utf8_clean(str_from(targets[i].name), seats[i].name, sizeof(seats[i].name));
    }
    seats_done(app);
    app->seats = app->seat = app->home = seats;
    app->seat_count = count;
    strlcpy(app->fleet.name, "fleet", sizeof(app->fleet.name));
    if (count > 1) {
        app_show_view(app, 0);
    }
    return true;
}

bool
seat_is_fleet(const struct app *app)
{
    return app->seat == &app->fleet;
}

const struct table *
seat_instances(const struct app *app)
{
    const struct picture *picture = app->seat_count == 1 ? app->seats[0].live : NULL;
    return picture != NULL ? picture_table(picture, instance_table.name) : NULL;
}

bool
seat_has_fleet(const struct app *app)
{
    return app->seat_count > 1 || seat_instances(app) != NULL;
}

struct seat *
seat_at(struct app *app, size_t i)
{
    bool more = i == app->seat_count && app->instance.engine != NULL;
    return i < app->seat_count ? &app->seats[i] : more ? &app->instance : NULL;
}

/* What the link of the target that is looked at could do about its state. */
static void
ask_offer(struct app *app)
{
    if (attached_offer(app_link(app))[0] != '\0' && !app->options.readonly && !app->question.open &&
        !app->prompt_open) {
        app_do_accept(app, ""); /* it asks */
    }
}

/* A question or a menu is of one target: an answer must not reach another. */
void
seat_show(struct app *app, struct seat *seat)
{
    if (seat == app->seat) {
        return;
    }
    app->question.open = app->prompt_open = false;
    app->menu_target = app->prompt_target = NULL;
    overlay_close(&app->overlay);
    app->seat = seat;
    app->home = seat != &app->fleet ? seat : app->home;
    app->fleet_due_ns = 0;
    ask_offer(app);
}

int
seat_first_view(const struct app *app)
{
    const struct link_status *link = app_link(app); /* of an agent that watches a node, too */
    return link != NULL && strcmp(link->kind, "beam") == 0 ? VIEW_BEAM : VIEW_FIRST;
}

/* The open one stays as it is: its engine, its past and its panels. */
static bool
start_instance(struct app *app, const char *name)
{
    char why[200] = "";
    if (app->instance.engine != NULL && strcmp(app->instance_name, name) == 0) {
        return true;
    }
    close_instance(app);
    struct seat *seat = &app->instance;
    if (app->options.open_instance != NULL) {
        seat->engine =
            app->options.open_instance(app->options.open_instance_context, name, why, sizeof(why));
    }
    if (seat->engine == NULL) {
        app_say(app, "%s: %s", name, why[0] != '\0' ? why : "it cannot be opened here");
        return false;
    }
    seat->since_mono_ns = app_now_ns(app);
    utf8_clean(str_from(name), seat->name, sizeof(seat->name));
    strlcpy(app->instance_name, name, sizeof(app->instance_name));
    return true;
}

void
seat_open_instance(struct app *app, const char *name, int view)
{
    if (app->seat == &app->instance) {
        seat_show(app, app->seats); /* what is asked there goes before it does */
    }
    if (start_instance(app, name)) {
        seat_show(app, &app->instance);
        app_show_view(app, view);
    }
}

static struct picture *
make_of_instances(struct app *app, const struct table *table, const struct instant *now)
{
    struct fleet_instances instances;
    fleet_instances_init(&instances, table, app->seats[0].newest->link);
    return fleet_picture_of(&instances, app->options.catalog, now, ++app->fleet_number);
}

static struct picture *
make_of_targets(struct app *app, const struct instant *now)
{
    struct fleet_row *rows = calloc(app->seat_count, sizeof(*rows));
    for (size_t i = 0; rows != NULL && i < app->seat_count; i++) {
        struct seat *seat = &app->seats[i];
        rows[i] = (struct fleet_row){.name = seat->name,
                                     .queries = &seat->queries,
                                     .picture = seat->live,
                                     .link = seat->newest != NULL ? seat->newest->link : NULL,
                                     .came_mono_ns = seat->came_mono_ns,
                                     .since_mono_ns = seat->since_mono_ns};
    }
    struct picture *picture =
        rows != NULL
            ? fleet_picture(rows, app->seat_count, app->options.catalog, now, ++app->fleet_number)
            : NULL;
    free(rows);
    return picture;
}

void
fleet_refresh(struct app *app)
{
    struct instant now = clock_now(&app->clock);
    if (!seat_is_fleet(app) || now.mono_ns < app->fleet_due_ns) {
        return;
    }
    const struct table *instances = seat_instances(app);
    struct picture *picture = instances != NULL     ? make_of_instances(app, instances, &now)
                              : app->seat_count > 1 ? make_of_targets(app, &now)
                                                    : NULL;
    if (picture != NULL) {
        seat_put(app, &app->fleet, picture);
        picture_release(picture);
    }
    app->fleet_due_ns = now.mono_ns + FLEET_EVERY_NS;
}

/* What changes the order of the fleet is shown at once, the values in their own time. */
static bool
is_news(const struct seat *seat, const struct picture *picture)
{
    const struct picture *before = seat->newest;
    return before == NULL || (before->link == NULL) != (picture->link == NULL) ||
           (picture->link != NULL && before->link->state != picture->link->state);
}

void
seat_put(struct app *app, struct seat *seat, struct picture *picture)
{
    const char *offer = attached_offer(picture->link);
    bool offered = seat->newest != NULL && strcmp(attached_offer(seat->newest->link), offer) == 0;
    if (is_news(seat, picture)) {
        app->fleet_due_ns = 0;
    }
    replace(&seat->newest, picture);
    if (!offered && seat == app->seat) {
        ask_offer(app);
    }
    seat->came_mono_ns = app_now_ns(app);
    if (attached_is_live(picture->link) || seat == &app->fleet) {
        replace(&seat->live, picture);
        moment_renew(seat);
    }
    if (!app->instances_met && seat_instances(app) != NULL) { /* that is what it is for */
        app->instances_met = true;
        app_show_view(app, app->view == 1 ? 0 : app->view);
    }
    if (!app->view_chosen && seat == app->seat && seat_first_view(app) != app->view) {
        app_show_view(app, seat_first_view(app));
    }
}

void
seat_answered(struct app *app, struct seat *seat, const char *why)
{
    if (seat->asked_count == 0) {
        return;
    }
    const char *where = seat != app->seat ? seat->name : "";
    app_say(app, "%s%s%s: %s", where, where[0] != '\0' ? ": " : "", seat->asked[0],
            why[0] != '\0' ? why : "done");
    seat->asked_count--;
    memmove(seat->asked[0], seat->asked[1], seat->asked_count * ASKED_BYTES);
}

/* Names of all that can be looked at: targets, or the only one and its instances. */
static const char *
name_at(const struct app *app, size_t i)
{
    const struct table *table = seat_instances(app);
    struct fleet_instances instances;
    if (table == NULL || i == 0) {
        const struct link_status *link =
            i == 0 && table != NULL ? app->seats[0].newest->link : NULL;
        return link != NULL ? link->target : i < app->seat_count ? app->seats[i].name : NULL;
    }
    fleet_instances_init(&instances, table, NULL);
    int column = instances.columns[INSTANCE_NAME];
    const char *name =
        i <= table->count && column >= 0 ? table_row(table, i - 1)[column].text : NULL;
    return i <= table->count && name == NULL ? "" : name;
}

void
words_targets(const struct app *app, struct words *words)
{
    const char *name;
    for (size_t i = 0; (name = name_at(app, i)) != NULL; i++) {
        words_add(words, name);
    }
}

/* By its whole name, or by a part that only one has; -1. */
static ssize_t
find_name(const struct app *app, const char *wanted)
{
    const char *name;
    ssize_t found = -1;
    size_t matches = 0;
    for (size_t i = 0; (name = name_at(app, i)) != NULL; i++) {
        if (strcmp(name, wanted) == 0) {
            return (ssize_t)i;
        }
        if (strstr(name, wanted) != NULL) {
            found = (ssize_t)i;
            matches++;
        }
    }
    return matches == 1 ? found : -1;
}

void
app_do_target(struct app *app, const char *argument)
{
    ssize_t found = argument[0] != '\0' ? find_name(app, argument) : -1;
    int view = app->view == 0 ? 1 : app->view;
    if (!seat_has_fleet(app)) {
        app_say(app, "there is one target only: flametop web-01:7711 web-02:7711 watches two");
    } else if (argument[0] == '\0') {
        app_ask_prompt(app, "target", "", "target", NULL);
    } else if (found < 0) {
        app_say(app, "no target is named %s (Tab completes)", argument);
    } else if (found > 0 && app->seat_count == 1) {
        char name[INSTANCE_NAME_BYTES];
        strlcpy(name, name_at(app, (size_t)found), sizeof(name));
        seat_open_instance(app, name, view);
    } else {
        seat_show(app, &app->seats[found]);
        app_show_view(app, view);
    }
}
