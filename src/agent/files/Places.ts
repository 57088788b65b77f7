/**
 * Places: where the last dump of each file was, kept in the state directory, so that a restart knows where one of a file that is
 * appended to begins. One file for all, replaced atomically, some seconds after something changed, never for each round.
 * Not being able to keep it costs a line in the log and nothing else.
 *
 * Of files that are renamed into place only the first one is kept: another inode says enough.
 */
import { mkdir, open, readFile, rename } from "node:fs/promises"
import { join } from "node:path"
import type { Place } from "./Holdings.ts"

const file = "dump-places.json"
const version = 1

const isPlace = (value: unknown): value is Place => {
  if (typeof value !== "object" || value === null) return false
  const { ino, start, end, hash, known } = value as Record<string, unknown>
  return (
    typeof ino === "string" &&
    Number.isSafeInteger(start) &&
    Number.isSafeInteger(end) &&
    typeof hash === "string" &&
    typeof known === "boolean"
  )
}

/** What was kept; nothing, where nothing usable is. `problem`: for people, "" where there is none. */
export const readPlaces = async (dir: string): Promise<{ places: Map<string, Place>; problem: string }> => {
  const path = join(dir, file)
  try {
    const kept = JSON.parse(await readFile(path, "utf8")) as { version?: unknown; places?: unknown }
    if (kept.version !== version || typeof kept.places !== "object" || kept.places === null)
      throw new Error("it is of another version")
    return {
      places: new Map(Object.entries(kept.places).filter((entry): entry is [string, Place] => isPlace(entry[1]))),
      problem: ""
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { places: new Map(), problem: "" }
    const reason = error instanceof Error ? error.message : String(error)
    return {
      places: new Map(),
      problem: `${path} cannot be used (${reason}): files to which dumps are appended are sent from their next dump on`
    }
  }
}

export class Places {
  private readonly dir: string
  private readonly places: Map<string, Place>
  private isDirty = false
  private isWriting = false

  constructor(dir: string, places: Map<string, Place>) {
    this.dir = dir
    this.places = places
  }

  get(path: string): Place | undefined {
    return this.places.get(path)
  }

  note(path: string, place: Place): void {
    const before = this.places.get(path)
    this.places.set(path, place)
    if (before === undefined || before.ino === place.ino || !before.known || !place.known) this.isDirty = true
  }

  /** Of a file that is not tailed any more. */
  forget(path: string): void {
    if (this.places.delete(path)) this.isDirty = true
  }

  entries(): Iterable<[string, Place]> {
    return this.places
  }

  /** Writes what changed; rejects where that is not possible. */
  async keep(): Promise<void> {
    if (!this.isDirty || this.isWriting) return
    this.isDirty = false
    this.isWriting = true
    try {
      await mkdir(this.dir, { recursive: true })
      const temporary = join(this.dir, `.${file}.tmp`)
      const handle = await open(temporary, "w")
      try {
        await handle.writeFile(`${JSON.stringify({ version, places: Object.fromEntries(this.places) })}\n`)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, join(this.dir, file))
    } catch (error) {
      this.isDirty = true
      throw error
    } finally {
      this.isWriting = false
    }
  }
}
