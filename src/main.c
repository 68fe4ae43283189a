/* flametop: the commands of the program. */
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <unistd.h>

#include "check.h"
#include "cli.h"
#include "exec.h"
#include "flame.h"
#include "monitor.h"
#include "query.h"
#include "serve.h"
#include "snapshot.h"
#include "traces.h"

/* Pictures come and go each second: their memory is kept for the next instead of being given back
 * and faulted in again, and both threads share one heap. */
static void
tune_heap(void)
{
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 2 << 20);
    mallopt(M_ARENA_MAX, 1);
}

/* What is opened must not come to stand where input and output are expected. */
static void
fill_descriptors(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = open("/dev/null", O_RDWR);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static int
run(struct cli *cli)
{
    switch (cli->line.command->id) {
    case COMMAND_SNAPSHOT:
        return snapshot_run(cli);
    case COMMAND_CHECK:
        return check_run(cli);
    case COMMAND_AGENT:
        return serve_run(cli);
    case COMMAND_QUERY:
        return query_run(cli);
    case COMMAND_EXEC:
        return exec_run(cli);
    case COMMAND_FLAME:
        return flame_run(cli);
    default:
        return flame_is_target(cli)    ? flame_run(cli)
               : traces_is_target(cli) ? traces_run(cli)
                                       : monitor_run(cli);
    }
}

int
main(int argc, char **argv)
{
    struct cli cli = {0};
    fill_descriptors();
    tune_heap();
    setlocale(LC_CTYPE, "");
    int code = cli_begin(&cli, argc, argv, environ);
    if (code < 0) {
        code = run(&cli);
    }
    cli_end(&cli);
    return code;
}
