/** The example of a Transport over files keeps the contract, a pod on it goes on where the last one stopped, and its two bugs are found when they are put back. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CommitFile } from "../../docs/examples/directory-transport/CommitFile.ts"
import { directoryContract } from "../../docs/examples/directory-transport/contract.ts"
import { openDirectoryLog } from "../../docs/examples/directory-transport/DirectoryLog.ts"
import { PartitionFile } from "../../docs/examples/directory-transport/PartitionFile.ts"
import { eachCase, finding, whileTested } from "../contract/cases.ts"

const temporary = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-directory-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true }))
)
const opened = Effect.flatMap(temporary, (directory) => openDirectoryLog(directory, { minSessionTimeout: 400 }))

describe("the contract of Transport", () => eachCase(directoryContract(whileTested(opened))))

describe("a bug that is put back is found", () => {
  const log = whileTested(opened)
  const { store } = CommitFile.prototype
  const follow = Object.getOwnPropertyDescriptor(PartitionFile.prototype, "follow")!
  afterEach(() => {
    Object.assign(CommitFile.prototype, { store })
    Object.defineProperty(PartitionFile.prototype, "follow", follow)
  })

  it("commits that are written at once", async () => {
    Object.assign(CommitFile.prototype, {
      store(this: { readonly replace: CommitFile["store"] }, ...given: Parameters<CommitFile["store"]>) {
        return this.replace(...given)
      }
    })
    const { message } = await finding(directoryContract(log), /stored in the order in which they were sent/)
    assert.match(message, /Transport, commits/)
  })

  it("a file that two fetches learn at once", async () => {
    Object.defineProperty(PartitionFile.prototype, "follow", {
      ...follow,
      get(this: { readonly learn: () => Effect.Effect<void> }) {
        return this.learn()
      }
    })
    const { message } = await finding(directoryContract(log), /every record once and in order/)
    assert.match(message, /expected/)
  })
})

it("records and commits outlive the process that wrote them", async () => {
  const tp = { topic: "metrics", partition: 1 }
  const key = "metrics/1"
  const write = (directory: string) =>
    Effect.gen(function* () {
      const { createTopic, transport } = yield* openDirectoryLog(directory)
      yield* createTopic("metrics", 2)
      const producer = yield* transport.producer({ clientId: "a", acks: "all", compression: "none" })
      yield* producer.produce(
        ["one", "two"].map((value) => ({ ...tp, key: null, value: Buffer.from(value), headers: {} }))
      )
      const client = yield* transport.groupClient({ group: "g", clientId: "a" })
      const protocols = [{ name: "p", metadata: Buffer.alloc(0) }]
      const joined = yield* client.joinGroup({
        memberId: "",
        sessionTimeout: 6_000,
        rebalanceTimeout: 6_000,
        protocols
      })
      yield* client.syncGroup({ ...joined }, [])
      yield* client.offsetCommit(joined, [{ tp, offset: 1, metadata: "kept" }])
    })
  const read = (directory: string) =>
    Effect.gen(function* () {
      const { transport } = yield* openDirectoryLog(directory)
      const client = yield* transport.groupClient({ group: "g", clientId: "b" })
      const [fetched] = yield* client.fetch(0, [{ tp, offset: 0 }], {
        maxWait: 0,
        maxBytes: 1_000,
        maxBytesPerPartition: 1_000
      })
      return { commits: yield* client.offsetFetch([tp]), values: fetched!.records.map(({ value }) => `${value}`) }
    })
  const both = Effect.flatMap(temporary, (directory) =>
    Effect.andThen(Effect.scoped(write(directory)), read(directory))
  )
  const { commits, values } = await Effect.runPromise(Effect.scoped(both))
  assert.deepStrictEqual(commits.get(key), { offset: 1, metadata: "kept" })
  assert.deepStrictEqual(values, ["one", "two"])
})
