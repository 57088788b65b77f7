/**
 * Epoch: the first half of a round's version (rule 8 of the handoff): `max(now, last + 1)`, kept on disk before the first
 * round is sent. So a later run of the agent is always the newer sender, also when its clock was set back in between.
 * Where the disk forgot it the clock decides alone, and the pods accept a lower one once the old rounds have expired.
 */
import { keepNumber, readNumber } from "./StateDir.ts"

export const nextEpoch = (last: number | null, now: number): number => Math.max(Math.trunc(now), (last ?? 0) + 1)

export interface ClaimedEpoch {
  readonly epoch: number
  /** For the log, where something was not as it should be. */
  readonly warning: string | null
}

const file = "epoch"

/** Rejects, with an error for people, where the directory cannot be used. */
export const claimEpoch = async (dir: string, now: number): Promise<ClaimedEpoch> => {
  const last = await readNumber(dir, file)
  const damaged = last === "damaged"
  const epoch = nextEpoch(damaged ? null : last, now)
  await keepNumber(dir, file, epoch)
  return {
    epoch,
    warning: damaged
      ? `the last epoch in ${dir}/${file} is damaged; the clock's ${epoch} is used. If the clock was set back, rounds are ignored until the expiry has passed`
      : null
  }
}
