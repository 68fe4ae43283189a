/* A machine by hand: the metrics the screens show, with four cores, two disks, a network and more.
 */
#ifndef FLAMETOP_TESTS_MACHINE_H
#define FLAMETOP_TESTS_MACHINE_H

#include <stdio.h>

#include "fake_picture.h"

static const struct metric machine_metrics[] = {
    {.name = "system.cpu.time",
     .unit = "s",
     .labels = "cpu state",
     .kind = METRIC_COUNTER,
     .text = "CPU time by state."},
    {.name = "system.cpu.utilization",
     .unit = "1",
     .labels = "cpu",
     .formula = "1 - system.cpu.time{state=idle|iowait} / system.cpu.time",
     .better = BETTER_LOWER,
     .fold = FOLD_FORMULA,
     .warning = 0.8,
     .critical = 0.95,
     .text = "Share of CPU time spent on work."},
    {.name = "system.cpu.user.utilization",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_FORMULA,
     .formula = "system.cpu.time{state=user|nice} / system.cpu.time",
     .text = "Share spent in programs."},
    {.name = "system.cpu.system.utilization",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_FORMULA,
     .formula = "system.cpu.time{state=system} / system.cpu.time",
     .text = "Share spent in the kernel."},
    {.name = "system.cpu.interrupt.utilization",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_FORMULA,
     .formula = "system.cpu.time{state=irq|softirq} / system.cpu.time",
     .text = "Share spent on interrupts."},
    {.name = "system.cpu.iowait.utilization",
     .unit = "1",
     .labels = "cpu",
     .fold = FOLD_FORMULA,
     .formula = "system.cpu.time{state=iowait} / system.cpu.time",
     .text = "Share spent waiting for I/O."},
    {.name = "system.cpu.load_average.1m",
     .unit = "{thread}",
     .labels = "",
     .text = "Load over 1 minute."},
    {.name = "system.cpu.run_queue",
     .unit = "{thread}",
     .labels = "",
     .text = "Tasks that run or wait."},
    {.name = "system.cpu.context_switches",
     .unit = "{switch}",
     .labels = "",
     .kind = METRIC_COUNTER,
     .text = "Changes from one task to another."},
    {.name = "system.memory.usage", .unit = "By", .labels = "", .text = "Memory in use."},
    {.name = "system.memory.cache", .unit = "By", .labels = "", .text = "Cache."},
    {.name = "system.memory.free", .unit = "By", .labels = "", .text = "Free memory."},
    {.name = "system.memory.limit", .unit = "By", .labels = "", .text = "Memory there is."},
    {.name = "system.memory.utilization",
     .unit = "1",
     .labels = "",
     .better = BETTER_LOWER,
     .formula = "system.memory.usage / system.memory.limit",
     .warning = 0.85,
     .critical = 0.95,
     .text = "Share of memory in use."},
    {.name = "system.disk.io",
     .unit = "By/s",
     .labels = "device direction",
     .text = "Bytes to and from disks."},
    {.name = "system.disk.utilization",
     .unit = "1",
     .labels = "device",
     .better = BETTER_LOWER,
     .fold = FOLD_MAX,
     .warning = 0.8,
     .critical = 0.95,
     .text = "Share of time with I/O in flight."},
    {.name = "system.network.io",
     .unit = "By/s",
     .labels = "interface direction",
     .text = "Bytes over interfaces."},
    {.name = "system.network.rtt",
     .unit = "s",
     .labels = "",
     .better = BETTER_LOWER,
     .text = "TCP round-trip time."},
    {.name = "system.filesystem.info",
     .unit = "1",
     .labels = "mountpoint type",
     .fold = FOLD_MAX,
     .text = "What a filesystem is."},
    {.name = "system.filesystem.usage",
     .unit = "By",
     .labels = "mountpoint state",
     .fold = FOLD_SUM,
     .text = "Bytes of a filesystem."},
    {.name = "system.filesystem.utilization",
     .unit = "1",
     .labels = "mountpoint",
     .better = BETTER_LOWER,
     .fold = FOLD_MAX,
     .warning = 0.85,
     .critical = 0.95,
     .text = "Share of the filesystem in use."},
    {.name = "system.pressure.some.utilization",
     .unit = "1",
     .labels = "resource",
     .better = BETTER_LOWER,
     .fold = FOLD_MAX,
     .warning = 0.1,
     .critical = 0.4,
     .text = "Share of time some task waited."},
};

static inline void
machine_cpu(struct fake *fake, int cores)
{
    static const struct {
        const char *state;
        double share;
    } states[] = {{"user", 0.31}, {"system", 0.08}, {"iowait", 0.03}, {"idle", 0.58}};
    for (int cpu = 0; cpu < cores; cpu++) {
        for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
            char labels[64];
            snprintf(labels, sizeof(labels), "cpu=%d,state=%s", cpu, states[i].state);
            double shift = i == 0 ? 0.1 * (cpu % 4) : i == 3 ? -0.1 * (cpu % 4) : 0;
            fake_series(fake, "system.cpu.time", labels, fake_counter, states[i].share + shift,
                        1000);
        }
    }
}

static inline void
machine_init(struct fake *fake, int cores)
{
    fake_init(fake);
    fake_metrics(fake, machine_metrics, ARRAY_SIZE(machine_metrics));
    fake->picture->number = 100;
    machine_cpu(fake, cores);
    fake_series(fake, "system.memory.limit", "", fake_constant, 16.0 * (1 << 30), 0);
    fake_series(fake, "system.memory.usage", "", fake_ramp, 9e9, 10.4e9);
    fake_series(fake, "system.memory.cache", "", fake_constant, 4.4e9, 0);
    fake_series(fake, "system.memory.free", "", fake_wave, 1.2e9, 1e8);
    fake_series(fake, "system.disk.io", "device=nvme0n1,direction=read", fake_wave, 2e6, 1e6);
    fake_series(fake, "system.disk.io", "device=nvme0n1,direction=write", fake_ramp, 1e6, 310e6);
    fake_series(fake, "system.disk.io", "device=sda,direction=read", fake_constant, 0, 0);
    fake_series(fake, "system.disk.io", "device=sda,direction=write", fake_constant, 12e3, 0);
    fake_series(fake, "system.disk.utilization", "device=nvme0n1", fake_ramp, 0.1, 0.98);
    fake_series(fake, "system.disk.utilization", "device=sda", fake_constant, 0.002, 0);
    fake_series(fake, "system.network.io", "interface=eth0,direction=receive", fake_wave, 2.2e6,
                1e6);
    fake_series(fake, "system.network.io", "interface=eth0,direction=transmit", fake_wave, 9e5,
                1e5);
    fake_series(fake, "system.network.rtt", "", fake_constant, 0.0008, 0);
    fake_series(fake, "system.pressure.some.utilization", "resource=cpu", fake_constant, 0.021, 0);
    fake_series(fake, "system.pressure.some.utilization", "resource=io", fake_ramp, 0, 0.41);
    fake_series(fake, "system.cpu.load_average.1m", "", fake_wave, 2, 0.5);
    fake_series(fake, "system.cpu.run_queue", "", fake_constant, 3, 0);
    fake_series(fake, "system.cpu.context_switches", "", fake_counter, 12500, 0);
    fake_series(fake, "system.filesystem.utilization", "mountpoint=/", fake_ramp, 0.5, 0.6);
    fake_series(fake, "system.filesystem.utilization", "mountpoint=/var/lib/postgresql",
                fake_constant, 0.96, 0);
    /* Memory: one that holds next to nothing and is not shown, and a full one, which is. */
    fake_series(fake, "system.filesystem.utilization", "mountpoint=/dev/shm", fake_constant, 0.01,
                0);
    fake_series(fake, "system.filesystem.usage", "mountpoint=/dev/shm,state=used", fake_constant,
                1 << 20, 0);
    fake_series(fake, "system.filesystem.info", "mountpoint=/dev/shm,type=tmpfs", fake_constant, 1,
                0);
    fake_series(fake, "system.filesystem.utilization", "mountpoint=/run", fake_constant, 0.97, 0);
    fake_series(fake, "system.filesystem.usage", "mountpoint=/run,state=used", fake_constant,
                1 << 20, 0);
    fake_series(fake, "system.filesystem.info", "mountpoint=/run,type=tmpfs", fake_constant, 1, 0);
}

#endif
