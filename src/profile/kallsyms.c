/* "ffffffff81000000 T name\t[module]", one symbol a line (proc_pid_kallsyms in proc(5)). */
#include "kallsyms.h"

#include <string.h>

#include "hex.h"

static bool
is_code(char type)
{
    return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

static void
add_line(struct symbols *symbols, struct str line)
{
    uint64_t address;
    struct str type, name;
    if (hex_take(&line, &address) && address != 0 && str_word(&line, &type) && type.n == 1 &&
        is_code(type.p[0]) && str_word(&line, &name)) {
        symbols_add(symbols, address, 0, is_code(type.p[0]) && type.p[0] < 'a', name);
    }
}

size_t
kallsyms_add(struct symbols *symbols, struct str text)
{
    size_t used = 0;
    const char *end;
    while ((end = memchr(text.p + used, '\n', text.n - used)) != NULL) {
        size_t n = (size_t)(end - text.p) - used;
        add_line(symbols, (struct str){text.p + used, n});
        used += n + 1;
    }
    return used;
}
