/** Wire: what the agent and its looker say to each other, in Frames. */
import type { InputFormat } from "../../metrics/text/Dump.ts"
import type { Place } from "./Holdings.ts"

/** What the looker is to do; durations in ms. */
export interface LookerOptions {
  readonly dumps: ReadonlyArray<string>
  /** Globs of dumps that are sent again and again while their file is there. */
  readonly staticDumps: ReadonlyArray<string>
  readonly excludes: ReadonlyArray<string>
  readonly host: string
  readonly maxDumpBytes: number
  /** Between two looks at a file that is not watched. */
  readonly poll: number
  /** A file that was not renamed into place must rest for so long. */
  readonly settle: number
  /** Between two walks of directories that are not watched. */
  readonly globEvery: number
  readonly expiry: number
  /** Ids that are not a file's, and whose they are. */
  readonly taken: ReadonlyArray<readonly [source: string, whose: string]>
}

/** What an agent makes of a dump file now. @experimental */
export type FileState =
  | "settling"
  | "taken"
  | "stale"
  | "restless"
  | "no-room"
  | "incomplete"
  | "unknown"
  | "too-large"
  | "unreadable"
  | "duplicate"
  | "hung"
  | "gone"

/** What pods would not show of a dump. @experimental */
export interface Refused {
  /** Samples that they would; 0 where the dump is refused as a whole. */
  readonly shown: number
  /** Lines that they would leave out of a dump that is taken. */
  readonly lines: number
  /** Of these, or why the whole is refused; undefined where all would be shown. `line`: 1-based in the dump, 0 where none is to blame. */
  readonly first: { readonly reason: string; readonly line: number; readonly detail: string } | undefined
  /** What the site can do; "" where the detail says it all. */
  readonly advice: string
}

/** Looks at the text of a new dump; `file` is whose it is, by identity. */
export type Check = (file: object, text: Uint8Array, format: InputFormat) => Refused

export type ToLooker =
  | {
      readonly t: "start"
      readonly options: LookerOptions
      readonly places: ReadonlyArray<readonly [path: string, place: Place, taken: string]>
      readonly suspects: ReadonlyArray<string>
    }
  | { readonly t: "room"; readonly id: number; readonly ok: boolean }
  /** Look at everything once more, now; `looked` is the answer. */
  | { readonly t: "last" }

export interface RoundMessage {
  readonly t: "round"
  readonly id: number
  readonly format: InputFormat
  /** When it was dumped, ms since the Unix epoch. */
  readonly time: number
  /** Ms that it is old. */
  readonly age: number
  readonly place: Place
  /** The look at the file that this is of. */
  readonly taken: string
  /** It is there again, not anew. */
  readonly again: boolean
  readonly check: Refused
}

export type FromLooker =
  | RoundMessage
  | { readonly t: "found"; readonly id: number; readonly path: string; readonly source: string; readonly group: string }
  | { readonly t: "left"; readonly id: number }
  | { readonly t: "state"; readonly id: number; readonly state: FileState; readonly why: string }
  /** Its last dump is too old to be sent, by so many ms. */
  | { readonly t: "old"; readonly id: number; readonly age: number; readonly place: Place; readonly taken: string }
  | { readonly t: "ask"; readonly id: number; readonly bytes: number }
  /** What was asked for is not needed any more, or not known when. */
  | { readonly t: "none"; readonly id: number }
  | { readonly t: "group"; readonly group: string; readonly hung: boolean; readonly ms: number }
  /** Something that is not about one file; "" where it is over. */
  | { readonly t: "trouble"; readonly key: string; readonly text: string }
  /** All that could be listed is; `complete`: nothing hung meanwhile, and each file was looked at. */
  | { readonly t: "walked"; readonly complete: boolean }
  /** Once a second; `ms` since some operation on files returned. */
  | { readonly t: "beat"; readonly ms: number }
  /** Too many threads hang: another looker must take over. */
  | { readonly t: "spent"; readonly groups: ReadonlyArray<string> }
  | { readonly t: "looked" }
