/* flametop: the commands of the program. */
#include <locale.h>
#include <malloc.h>
#include <unistd.h>

#include "cli.h"
#include "monitor.h"
#include "snapshot.h"

/* Pictures come and go each second: their memory is kept for the next instead of being given back
 * and faulted in again, and both threads share one heap. */
static void
tune_heap(void)
{
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_ARENA_MAX, 1);
}

int
main(int argc, char **argv)
{
    struct cli cli = {0};
    tune_heap();
    setlocale(LC_CTYPE, "");
    int code = cli_begin(&cli, argc, argv, environ);
    if (code < 0) {
        code = cli.line.command->id == COMMAND_SNAPSHOT ? snapshot_run(&cli) : monitor_run(&cli);
    }
    cli_end(&cli);
    return code;
}
