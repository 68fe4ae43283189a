/* Configuration files: whatever they hold, they are read or refused, and what was printed reads
 * back without error. */
#include <stdint.h>
#include <stdlib.h>

#include "flametop/config/alias.h"
#include "flametop/config/option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct metric metrics[] = {
    {.name = "system.cpu.utilization",
     .unit = "1",
     .labels = "",
     .text = "",
     .warning = 0.8,
     .critical = 0.95},
    {.name = "system.disk.io",
     .unit = "By",
     .labels = "device",
     .text = "",
     .kind = METRIC_COUNTER},
};

static struct config *
read_config(struct catalog *catalog, struct str text, struct buf *errors, bool *ret_ok)
{
    struct config *config = config_new(catalog);
    *ret_ok = config_read_text(config, text, "fuzz", errors);
    return config;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct catalog *catalog = catalog_new(16);
    struct buf errors, printed;
    bool ok, again_ok;
    buf_init(&errors, (size_t)1 << 20);
    buf_init(&printed, (size_t)8 << 20);
    catalog_add(catalog, metrics, 2);
    alias_add_all(catalog);
    struct config *config =
        read_config(catalog, (struct str){(const char *)data, size}, &errors, &ok);
    if (!ok && errors.n == 0) {
        abort(); /* refused without a word */
    }
    config_print(config, &printed);
    /* Half a line of levels may be right and its order wrong, which is refused the second time as
     * well. */
    struct config *again =
        read_config(catalog, (struct str){printed.data, printed.n}, &errors, &again_ok);
    if (ok && !again_ok) {
        abort();
    }
    config_free(again);
    config_free(config);
    catalog_free(catalog);
    buf_done(&errors);
    buf_done(&printed);
    return 0;
}
