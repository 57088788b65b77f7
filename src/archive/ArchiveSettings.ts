/** ArchiveSettings: the options of an archive, beside those of any pod, and what they mean together. */
import * as Kind from "../config/Kind.ts"
import type { Outcome, Resolved } from "../config/Resolve.ts"
import { settings } from "../config/Setting.ts"
import { group } from "../config/Settings.ts"
import type { Configured } from "../pod/App.ts"
import type { ArchiveLimits } from "./ArchiveProcessor.ts"
import type { StoreSettings } from "./store/OpenStore.ts"
import { formatPlace, type Place, parsePlace, placeForms } from "./store/Place.ts"

const place: Kind.Kind<Place> = {
  metavar: "place",
  allowed: placeForms,
  many: false,
  read: ([text = ""]) => {
    const value = parsePlace(text)
    return value === undefined ? { wrong: `it must be ${placeForms}` } : { value }
  }
}

/** Where an archive is, for every command that looks at one. */
export const storeSettings = settings({
  to: {
    kind: place,
    about: "Where the archive is. One place holds one cluster's topics; to archive anew, name another one.",
    required: true
  },
  s3Endpoint: {
    kind: Kind.matching("url", "the URL of a server, http:// or https://", /^https?:\/\/[^\s]+$/),
    about: "A server that speaks S3.",
    otherwise: "Amazon's"
  },
  s3Region: {
    kind: Kind.text("name"),
    about: "The bucket's region; credentials come from where Amazon's own tools find them.",
    otherwise: "what those tools find, else us-east-1"
  }
})

export const archiveSettings = settings({
  ...storeSettings,
  topic: { ...group.topic, about: "Topics of logs to archive.", fallback: "logs" },
  groupId: { ...group.groupId, fallback: "kafka2prom-archive" },
  rollBytes: {
    kind: Kind.size("64KiB", "4GiB"),
    about: "Bytes of an object, compressed, at which it is closed.",
    fallback: "64MiB"
  },
  rollAge: {
    kind: Kind.duration("1s", "1h"),
    about: "How long after its first record an object is closed.",
    fallback: "60s"
  },
  holdBytes: {
    kind: Kind.size("1MiB", "256GiB"),
    about: "Bytes of all objects that are not closed yet, beyond which the largest is; each worker gets its share.",
    fallback: "512MiB"
  },
  remember: {
    kind: Kind.integer(1, 10_000_000),
    about: "Streams (lives of files) of a partition whose repeats are known, those that wrote last.",
    fallback: "100000"
  }
})

/** What its shards are started with. */
export interface ArchiveOptions extends ArchiveLimits, StoreSettings {}

export const storeOf = ({ to, s3Endpoint, s3Region }: Resolved<typeof storeSettings>["values"]): StoreSettings => ({
  place: to,
  ...(s3Endpoint === undefined ? {} : { s3Endpoint }),
  ...(s3Region === undefined ? {} : { s3Region })
})

export const archiveConfig = ({ values }: Resolved<typeof archiveSettings>): Outcome<Configured<ArchiveOptions>> => {
  const { rollBytes, rollAge, holdBytes, remember } = values
  return {
    value: {
      settings: { ...storeOf(values), rollBytes, rollAge, holdBytes, remember },
      // Where it goes and what is taken for a repeat must not depend on who owns a partition; when an object is closed may.
      agreed: { to: formatPlace(values.to), remember },
      notes: [`archives to ${formatPlace(values.to)}; what is there already is never written again`]
    }
  }
}
