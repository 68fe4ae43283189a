/* Theme files, ours and btop's. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/ui/theme.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct theme theme;
    struct buf errors;
    buf_init(&errors, 1 << 16);
    bool good = theme_parse((struct str){(const char *)data, size}, "fuzz", &theme, &errors);
    assert(good == (errors.n == 0));
    for (int role = 0; role < ROLE_COUNT; role++) {
        assert(theme.colour[role] <= 0xFFFFFF || theme.colour[role] == THEME_NO_COLOUR);
        assert(theme.attributes[role] < 16);
    }
    buf_done(&errors);
    return 0;
}
