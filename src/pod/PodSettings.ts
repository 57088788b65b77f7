/** PodSettings: the options that every pod has, whatever its application, and the table of both together. */
import * as Kind from "../config/Kind.ts"
import { settings, type Table } from "../config/Setting.ts"
import { connection, group, program, web } from "../config/Settings.ts"
import { namesWith } from "../engine/Backpressure.ts"
import type { App } from "./App.ts"

export const podSettings = settings({
  ...connection,
  ...group,
  listen: { kind: Kind.listenAddress, about: "Where the HTTP server listens.", fallback: "0.0.0.0:9464" },
  ...web,
  adminListen: {
    kind: Kind.listenAddress,
    about: "An address of its own for what switches things; it is not on --listen then.",
    otherwise: "as --listen"
  },
  adminToken: {
    kind: Kind.text("secret"),
    about: "Bearer token that lets a request switch things; without it nothing can be switched.",
    secret: true
  },
  workers: {
    kind: Kind.integer(1, 1024),
    about: "Threads that share the work, each a member of the group with its own partitions.",
    otherwise: "as many as the machine has CPUs"
  },
  backpressure: {
    kind: Kind.choice(...namesWith([])),
    about:
      "When a partition's queue is full: wait; lose the oldest once more arrives than is processed; or wait until far behind and then lose.",
    fallback: "pause"
  },
  adaptiveLag: {
    kind: Kind.integer(1, 1e12),
    about: "Records of lag beyond which the adaptive strategy loses the oldest where more arrives than is processed.",
    fallback: "100000"
  },
  queueRecords: {
    kind: Kind.integer(1, 10_000_000),
    about: "Records that may wait for one partition, and what one fetch brings on top.",
    fallback: "1000"
  },
  queueBytes: {
    kind: Kind.size("64KiB", "16GiB"),
    about: "Bytes that may wait for one partition, and one fetch.",
    fallback: "16MiB"
  },
  maxRecordBytes: {
    kind: Kind.size("1KiB", "512MiB"),
    about: "Bytes of one record, as it is unpacked, beyond which it is refused by itself; the same in all pods.",
    fallback: "64MiB"
  },
  partitioner: {
    kind: Kind.choice("auto", "murmur2", "crc32", "none"),
    about: "How producers without round numbers place keys, for the day the topic grows (docs/growth.md).",
    fallback: "auto"
  },
  growthWindow: {
    kind: Kind.duration("0s", "1d"),
    about: "Where that cannot be told: how long what is new in a partition waits after its topic grew.",
    fallback: "10m"
  },
  extension: {
    kind: Kind.repeated("file", "the path of a module"),
    about:
      "A module of your own that changes how the pod works, with options of its own (docs/extending.md). Repeatable.",
    otherwise: "none"
  },
  ...program
})

/** Of a pod whose log is no Kafka. The client's name is the member's, too. */
const withoutConnection = ({ clientId, ...table }: Table): Table => ({
  clientId: clientId!,
  ...Object.fromEntries(Object.entries(table).filter(([key]) => !(key in connection)))
})

/** All options of a pod of this application. */
export const podTable = <T extends Table>({
  settings: own,
  strategies = [],
  ownTransport = false
}: Pick<App<unknown, T>, "settings" | "strategies" | "ownTransport">): typeof podSettings & T => {
  const { config, logLevel, logFormat, ...all } = podSettings
  const before = ownTransport ? withoutConnection(all) : all
  const abouts = strategies.map(({ name, about }) => ` ${name}: ${about}.`)
  const backpressure = {
    ...all.backpressure,
    kind: Kind.choice(...namesWith(strategies)),
    about: all.backpressure.about + abouts.join("")
  }
  return { ...before, backpressure, ...own, config, logLevel, logFormat } as typeof podSettings & T
}
