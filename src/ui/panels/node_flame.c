/* What F means where a node is shown: it is sampled by a command of its own. */
#include <string.h>

#include "flametop/core/link.h"
#include "panels.h"

bool
node_explain_flame(const struct panel_context *context, const char *name)
{
    if (strcmp(name, "flame.open") != 0 || context->link == NULL) {
        return false;
    }
    panel_say(context, "flametop flame %s samples the stacks of its processes",
              context->link->target);
    return true;
}
