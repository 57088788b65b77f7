/**
 * Stopwatch for work inside one process: repeats a pass until some seconds have passed, after a warm-up of half of them, and takes the
 * median pass. CPU is the whole process's, with what the collector does on other threads, and hardly depends on what else runs on the
 * machine; wall time does.
 */
import { MB, median } from "../Bench.ts"

export interface Pace {
  readonly megabytesPerCpuSecond: number
  readonly cpuNsPerByte: number
  readonly wallNsPerByte: number
  readonly passMs: number
}

/** `pass` does the work once and answers how many bytes it went over; before each, `prepare` is done, unmeasured. */
export const paceOf = async (
  pass: () => number | Promise<number>,
  seconds: number,
  prepare: () => void = () => {}
): Promise<Pace> => {
  const warm = performance.now() + seconds * 500
  while (performance.now() < warm) {
    prepare()
    await pass()
  }
  const passes: Array<{ readonly wall: number; readonly cpu: number; readonly bytes: number }> = []
  const until = performance.now() + seconds * 1000
  while (passes.length < 3 || performance.now() < until) {
    prepare()
    const [started, before] = [performance.now(), process.cpuUsage()]
    const bytes = await pass()
    const { user, system } = process.cpuUsage(before)
    passes.push({ wall: performance.now() - started, cpu: (user + system) / 1000, bytes })
  }
  const of = (pick: (each: (typeof passes)[number]) => number): number => median(passes.map(pick))
  return {
    megabytesPerCpuSecond: of(({ cpu, bytes }) => bytes / MB / (cpu / 1000)),
    cpuNsPerByte: of(({ cpu, bytes }) => (cpu * 1e6) / bytes),
    wallNsPerByte: of(({ wall, bytes }) => (wall * 1e6) / bytes),
    passMs: of(({ wall }) => wall)
  }
}
