/**
 * Epoch: the first half of a round's version (rule 8 of the handoff): `max(now, last + 1)`, kept on disk before the first
 * round is sent. So a later run of the agent is always the newer sender, also when its clock was set back in between.
 * Where the disk forgot it the clock decides alone, and the pods accept a lower one once the old rounds have expired.
 */
import { keepNumber, readNumber } from "./StateDir.ts"

export const nextEpoch = (last: number | null, now: number): number => Math.max(Math.trunc(now), (last ?? 0) + 1)

export interface ClaimedEpoch {
  readonly epoch: number
  /** False: the disk did not take it; see `claimEpoch`. */
  readonly kept: boolean
  /** For the log, where something was not as it should be. */
  readonly warning: string | null
}

const file = "epoch"

/** The last one, null where there is none; `damaged` where the file does not hold one. */
export const readEpoch = (dir: string): Promise<number | null | "damaged"> => readNumber(dir, file)

export const keepEpoch = (dir: string, epoch: number): Promise<void> => keepNumber(dir, file, epoch)

/**
 * Rejects, with an error for people, where the directory cannot be used.
 *
 * A full disk is no reason to send nothing, just when somebody will want to see its metrics: where the last epoch can be read, and
 * the clock is past it, the clock's is as good unkept. The next start's clock will be past both, unless it is set back in between.
 */
export const claimEpoch = async (dir: string, now: number): Promise<ClaimedEpoch> => {
  const last = await readEpoch(dir)
  const damaged = last === "damaged"
  const epoch = nextEpoch(damaged ? null : last, now)
  const ignored = "If the clock was set back, rounds are ignored until the expiry has passed"
  try {
    await keepEpoch(dir, epoch)
  } catch (error) {
    if (damaged || last === null || !(now > last)) throw error
    const why = error instanceof Error ? error.message : String(error)
    return {
      epoch,
      kept: false,
      warning: `${why}. Meanwhile the clock's ${epoch} is used unkept, and tried again to keep. ${ignored}`
    }
  }
  return {
    epoch,
    kept: true,
    warning: damaged ? `the last epoch in ${dir}/${file} is damaged; the clock's ${epoch} is used. ${ignored}` : null
  }
}
