/** node_exporter on a machine with 64 cores, some disks and many network interfaces. Go's number format, many families with few series. */
import { random } from "../../../src/testing/Random.ts"
import { type FamilySpec, type SeriesSpec, SyntheticService } from "./service.ts"

const modes = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"]
const network = ["bytes", "compressed", "drop", "errs", "fifo", "frame", "multicast", "packets"]
const disk = [
  "reads_completed",
  "read_bytes",
  "written_bytes",
  "writes_completed",
  "io_time_seconds",
  "discards_completed"
]
const netstat = ["Icmp_InErrors", "Ip_Forwarding", "Tcp_ActiveOpens", "Tcp_CurrEstab", "Tcp_InSegs", "Tcp_OutSegs"]
const memory = ["Active", "Buffers", "Cached", "Dirty", "MemAvailable", "MemFree", "MemTotal", "Slab", "SwapFree"]
const vmstat = ["oom_kill", "pgfault", "pgmajfault", "pgpgin", "pgpgout", "pswpin", "pswpout"]

export const nodeExporter = (index: number): SyntheticService => {
  const r = random(index + 101)
  const devices = Array.from({ length: 34 }, () => `veth${r.hex(8)}`)
  const disks = Array.from({ length: 8 }, (_, i) => `nvme${i}n1`)
  const mounts = Array.from(
    { length: 30 },
    () => `/var/lib/kubelet/pods/${r.hex(8)}/volumes/kubernetes.io~csi/pvc-${r.hex(12)}/mount`
  )
  const each = (labels: ReadonlyArray<string>, movement: SeriesSpec["movement"]): ReadonlyArray<SeriesSpec> =>
    labels.map((text, i) => ({ labels: text, movement: movement !== "bytes" && i % 4 === 3 ? "idle" : movement }))
  const family = (name: string, help: string, type: FamilySpec["type"], series: FamilySpec["series"]): FamilySpec => ({
    ...{ name: `node_${name}`, help, type, series }
  })
  const cpus = Array.from({ length: 64 }, (_, cpu) => cpu)
  return new SyntheticService(
    [
      family(
        "cpu_seconds_total",
        "Seconds the CPUs spent in each mode.",
        "counter",
        each(
          cpus.flatMap((cpu) => modes.map((mode) => `cpu="${cpu}",mode="${mode}"`)),
          "seconds"
        )
      ),
      family(
        "cpu_guest_seconds_total",
        "Seconds the CPUs spent in guests (VMs) for each mode.",
        "counter",
        cpus.flatMap((cpu) =>
          ["nice", "user"].map(
            (mode) => ({ labels: `cpu="${cpu}",mode="${mode}"`, movement: "constant", value: 0 }) as const
          )
        )
      ),
      ...["receive", "transmit"].flatMap((way) =>
        network.map((what) =>
          family(
            `network_${way}_${what}_total`,
            `Network device statistic ${way}_${what}.`,
            "counter",
            each(
              devices.map((device) => `device="${device}"`),
              what === "bytes" || what === "packets" ? "busy" : "idle"
            )
          )
        )
      ),
      ...disk.map((what) =>
        family(
          `disk_${what}_total`,
          `The total number of ${what}.`,
          "counter",
          each(
            disks.map((device) => `device="${device}"`),
            "busy"
          )
        )
      ),
      ...["avail_bytes", "size_bytes", "free_bytes", "files"].map((what) =>
        family(
          `filesystem_${what}`,
          `Filesystem ${what}.`,
          "gauge",
          each(
            mounts.map((mount, i) => `device="/dev/mapper/vol-${i}",fstype="ext4",mountpoint="${mount}"`),
            "bytes"
          )
        )
      ),
      ...netstat.map((name) =>
        family(`netstat_${name}`, `Statistic ${name.replace("_", "")}.`, "untyped", each([""], "busy"))
      ),
      ...memory.map((name) =>
        family(`memory_${name}_bytes`, `Memory information field ${name}_bytes.`, "gauge", each([""], "bytes"))
      ),
      ...vmstat.map((name) =>
        family(`vmstat_${name}`, `/proc/vmstat information field ${name}.`, "untyped", each([""], "busy"))
      ),
      ...["load1", "load5", "load15"].map((name) => family(name, `${name} average.`, "gauge", each([""], "ratio")))
    ],
    index + 102,
    "go"
  )
}
