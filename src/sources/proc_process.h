/* The process table inside: the record kept of each process, and the parts that fill it.
 *
 * proc_process.c keeps the records and goes from part to part, proc_process_list.c lists,
 * proc_process_stat.c reads what is read of all, proc_process_costly.c what costs more than one
 * file a process, proc_process_rows.c makes the table, proc_users.c names the owners. */
#ifndef FLAMETOP_SOURCES_PROC_PROCESS_H
#define FLAMETOP_SOURCES_PROC_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "flametop/base/clock.h"
#include "flametop/base/hash.h"
#include "flametop/core/batch.h"
#include "flametop/core/source.h"
#include "flametop/sources/users.h"
#include "proc_pid_parse.h"

#define PROCESSES_MAX 65536    /* more are counted, not read */
#define PROCESS_NAME_BYTES 256 /* cleaned; kernel workers have up to 63 raw */
#define PROCESS_COMMAND_BYTES 1024

#define SLICE_NS (4500 * NS_PER_US) /* poll returns within 5 ms */

/* So many may have files kept open that are cold, or seldom read. */
#define PROCESSES_FEW 256

/* CPU time is counted in 10 ms: a rate over less than this says nothing. */
#define RATE_WINDOW_NS (250 * NS_PER_MS)

enum process_column {
    PROCESS_PID,
    PROCESS_PARENT_PID,
    PROCESS_OWNER,
    PROCESS_STATE,
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_DISK_READ,
    PROCESS_DISK_WRITE,
    PROCESS_THREADS,
    PROCESS_AGE,
    PROCESS_NAME,
    PROCESS_COMMAND,
    PROCESS_MEMORY_VIRTUAL,
    PROCESS_NICE,
    PROCESS_CPU_TIME,
    PROCESS_CHILDREN_CPU,
    PROCESS_FAULTS_MAJOR,
    PROCESS_FAULTS_MINOR,
    PROCESS_SWITCHES,
    PROCESS_CGROUP,
    PROCESS_WAIT_CHANNEL,
    PROCESS_OOM_SCORE,
    PROCESS_OPEN_FILES,
    PROCESS_OPEN_FILES_LIMIT,
    PROCESS_THREAD_NAME,
    PROCESS_THREAD_CPU,
    PROCESS_BIRTHS,
    PROCESS_DISK_WAIT,
    PROCESS_COLUMN_COUNT,
};

extern const struct table_def process_table_def;

/* One or two counters read together, and their rates since the reading before. */
struct rates {
    int64_t from_ns; /* 0: nothing read yet */
    uint64_t from[2];
    double per_second[2]; /* NaN: not known yet */
};

void rates_init(struct rates *rates);

/* Takes in a reading; rates change once RATE_WINDOW_NS have passed since the one they are counted
 * from. */
void rates_step(struct rates *rates, const uint64_t *counters, size_t count, int64_t now_ns);

/* What costs a file of its own. */
enum cost {
    COST_IO = 1,
    COST_STATUS = 2,
    COST_CGROUP = 4,
    COST_WAIT_CHANNEL = 8,
    COST_OOM_SCORE = 16,
    COST_FILES = 32,
    COST_LIMITS = 64,
};
#define COST_ALL                                                                                   \
    (COST_IO | COST_STATUS | COST_CGROUP | COST_WAIT_CHANNEL | COST_OOM_SCORE | COST_FILES |       \
     COST_LIMITS)

enum { RATE_CPU, RATE_CHILDREN }; /* of process.cpu */
enum { RATE_MAJOR, RATE_MINOR };  /* of process.faults */
enum { RATE_BORN, RATE_FAULTS };  /* of process.births */
enum { RATE_READ, RATE_WRITE };   /* of process.io.rates */

/* What the kernel adds to a parent when it waits for a child is the child's whole life. What was
 * seen of it while it lived is taken off, so that only what nobody saw counts for the parent. Each
 * row holds a counter of the kernel's, what ended children were seen to have of it, and the sum
 * without that. What an end brought is waited for in this reading and the next. */
struct unseen {
    uint64_t last;          /* of the kernel */
    uint64_t ended, waited; /* seen of children that ended: since the last reading, before it */
    uint64_t sum;
};

/* The first reading: of one known from its birth all counts, of others nothing. */
void unseen_start(struct unseen *unseen, uint64_t counter, bool since_birth);
void unseen_step(struct unseen *unseen, uint64_t counter);

/* What is read only of processes somebody looks at, and of the busiest: thousands of others do
 * without. */
struct details {
    int64_t status_ns, wait_ns, oom_ns, files_ns, limits_ns; /* when read; 0: never */
    struct rates switches;
    char wait_channel[48];
    int64_t oom_score;
    int64_t open_files, open_files_limit;

    double thread_cpu; /* of the busiest thread */
    int64_t thread_ns;
    char thread_name[64];
};

/* Bytes it moved: read of those somebody looks at, and of the busiest, too. */
struct process_io {
    int64_t read_ns; /* 0: never */
    struct rates rates;
    struct unseen bytes[2]; /* RATE_READ, RATE_WRITE: a child's are added to its parent's, too */
};

/* There may be thousands: what is small stands together, and ticks are counted in 32 bits. */
struct process {
    struct process *next_exited;
    int64_t pid;
    int stat_fd, io_fd; /* kept /proc/PID/stat and io, or -1 */
    uint32_t listed_tick, looked_tick, candidate_tick, active_tick;
    uint32_t denied_tick;
    uint32_t uid;
    unsigned denied;  /* cost bits that answered with an error */
    bool known;       /* stat was read at least once */
    bool gone;        /* its row is shown once more */
    bool since_birth; /* born while we looked, at birth_ns */
    bool fertile;     /* children ended that nobody saw, or were born */
    bool uid_known;
    bool rights;    /* an answer was refused for want of rights */
    bool io_active; /* the last readings differed */

    int64_t read_ns;      /* of stat */
    struct pid_stat stat; /* .name is not used, but: */
    char *name;           /* owned; NULL before the first reading */
    struct rates cpu, faults, births;
    int64_t birth_ns;
    struct unseen children_cpu, children_faults;
    uint64_t born; /* children seen for the first time */
    double waits;  /* mean over the last readings of whether it waited for storage */

    int64_t command_ns; /* 0: never tried */
    char *command;      /* owned; NULL: not readable, "": none */

    int64_t cgroup_ns;       /* when read; 0: never */
    char *cgroup;            /* short name, owned */
    struct process_io *io;   /* owned; NULL: neither it nor a child of it was read */
    struct details *details; /* owned; NULL: nobody has looked yet */
};

/* The threads of the busiest processes. */
#define WATCHES_MAX 8
#define WATCH_THREADS_MAX 64

struct watched_thread {
    int64_t tid;
    uint64_t start_ticks;
    struct rates rates;
    uint64_t tick;
};

struct watch {
    int64_t pid; /* 0: free */
    uint64_t start_ticks, tick;
    size_t skip; /* threads passed over, when there are more than fit */
    size_t count;
    struct watched_thread threads[WATCH_THREADS_MAX];
};

/* What changes when a process is born or has gone. */
struct census {
    bool known;
    uint64_t last_pid, links;
};

enum scan_phase { SCAN_START, SCAN_LIST, SCAN_READ, SCAN_COSTLY, SCAN_THREADS };

struct scan {
    struct source_setup setup;
    int proc_fd, loadavg_fd; /* -1: its last pid says nothing here */
    long ticks_per_second, page_bytes;
    struct users *users;

    uint32_t tick; /* counts polls from 1 */
    enum scan_phase phase;
    int64_t slice_ns; /* when this slice started */
    size_t at;        /* in the phase's loop */

    struct map by_pid;
    struct process **list; /* as listed; those found gone since have .gone */
    size_t count, capacity;
    struct census census; /* before the list was made */
    uint32_t list_tick;
    int64_t pids_at, entry_at, next_at; /* where the list begins; while that is looked for */
    struct process *exited;             /* shown once more */
    size_t exited_count;
    uint64_t not_kept; /* processes beyond PROCESSES_MAX */

    size_t fds_kept, fds_max;
    uint64_t boot_ticks;   /* now, as start times are counted */
    int64_t first_boot_ns; /* when the first scan started: who was born later is seen from birth */
    bool saw_init;
    size_t denied;

    bool proc_sizes; /* the root is a procfs: sizes and offsets of directories are as it has them */
    size_t round_robin;
    struct watch watches[WATCHES_MAX];
};

/* True when the slice's time is used up. */
bool scan_late(const struct scan *scan);
int64_t scan_now_ns(const struct scan *scan);

/* CPU use, 1 = one core; NaN when not known. */
double process_cpu(const struct scan *scan, const struct process *process);

struct process *process_new(int64_t pid);

/* Its record of bytes, made at the first call; NULL when out of memory. */
struct process_io *process_io(struct process *process);

/* Forgets everything but the pid and the list's marks: the pid names another process now. */
void process_reset(struct process *process);

void process_close_files(struct scan *scan, struct process *process);

/* Reads /proc/PID/NAME, through *fd when it is open; it stays open when `keep` and there is room. A
 * short file of a single record. The length of the text, or a negative errno: -ENOENT and -ESRCH
 * mean that the process is gone. */
ssize_t process_read(struct scan *scan, const struct process *process, int *fd, const char *name,
                     bool keep, char *text, size_t size);

/* What was seen of it will come again, in its parent's counters. */
void process_tell_parent(struct scan *scan, const struct process *process);

/* It is gone: shown once more if it was ever known. The caller takes it out of by_pid. */
void process_retire(struct scan *scan, struct process *process);
void exited_free(struct scan *scan);

/* Lists the living, or goes on to the reading where the last list holds; list_step is false when
 * the slice is used up. list_open looks at what kind of /proc it is. */
void list_open(struct scan *scan);
void list_start(struct scan *scan);
bool list_step(struct scan *scan, struct batch *batch);

/* Reads `stat` of those that are due, from scan->at on; false when the slice is used up. */
bool stat_step(struct scan *scan, struct batch *batch);

/* Reads the costly files, from scan->at on; false when the slice is used up. */
void costly_start(struct scan *scan);
bool costly_step(struct scan *scan, struct batch *batch);
bool threads_step(struct scan *scan, struct batch *batch);

/* The table and the counts by state. */
void rows_deliver(struct scan *scan, struct batch *batch);

enum { PROCESS_METRIC_PROCESSES, PROCESS_METRIC_COUNT };
extern const struct metric process_metrics[PROCESS_METRIC_COUNT];

#endif
