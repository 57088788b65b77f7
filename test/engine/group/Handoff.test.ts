/**
 * Handoff: one member's state machine. A table of what follows from each event (the rows of the header's table, and the
 * histories behind them), then what holds after any sequence of events, sensible or not.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { parsePartitionKey } from "../../../src/engine/group/Claims.ts"
import {
  claims,
  type HandoffAction,
  type HandoffEvent,
  type HandoffState,
  identities,
  initial,
  maxGhosts,
  mayJoin,
  step
} from "../../../src/engine/group/Handoff.ts"
import { noLease } from "../../../src/engine/group/Lease.ts"

const tps = (...keys: ReadonlyArray<string>) => keys.map(parsePartitionKey)

const joinSent: HandoffEvent = { type: "joinSent" }
const joinFailed: HandoffEvent = { type: "joinFailed" }
const rejoin: HandoffEvent = { type: "rejoin" }
const lost: HandoffEvent = { type: "lost", reason: "expelled" }
const leave: HandoffEvent = { type: "leave" }
const joined = (generation: number, memberId = "m"): HandoffEvent => ({ type: "joined", memberId, generation })
const synced = (...keys: ReadonlyArray<string>): HandoffEvent => ({
  type: "synced",
  sentAt: 50,
  assigned: tps(...keys)
})
const given = (memberId: string, sequence = 1): HandoffEvent => ({ type: "given", memberId, sequence })
const gone = (memberId: string): HandoffEvent => ({ type: "gone", memberId })
const evicted = (key: string): HandoffEvent => ({ type: "evicted", key })
const heard = (sentAt: number, rebalancing: boolean, generation = 1): HandoffEvent => ({
  type: "heard",
  sentAt,
  generation,
  rebalancing
})
const generation = (n: number, ...keys: ReadonlyArray<string>) => [joinSent, joined(n), synced(...keys)]

const said = (a: HandoffAction): string => {
  switch (a.type) {
    case "acquire":
      return `acquire ${a.tp.topic}/${a.tp.partition}`
    case "evict":
      return `evict ${a.tp.topic}/${a.tp.partition}${a.commit ? "" : " without a commit"}`
    case "abandon":
      return "abandon the join"
    case "forget":
      return `forget ${a.memberId}`
  }
}

/** The state after all events, and what the last one asked for. */
const play = (...events: ReadonlyArray<HandoffEvent>): readonly [HandoffState, ReadonlyArray<string>] => {
  let s = initial
  let actions: ReadonlyArray<HandoffAction> = []
  for (const e of events) [s, actions] = step(s, e)
  return [s, actions.map(said)]
}

interface Expected {
  readonly does: ReadonlyArray<string>
  readonly live?: ReadonlyArray<string>
  readonly evicting?: ReadonlyArray<string>
  readonly mayJoin: boolean
  readonly state?: Partial<HandoffState>
}

const owner = generation(1, "t/0", "t/1", "t/2")

const table: ReadonlyArray<readonly [fact: string, history: ReadonlyArray<HandoffEvent>, then: Expected]> = [
  ["a new member joins", [], { does: [], live: [], evicting: [], mayJoin: true, state: { memberId: "", synced: -1 } }],
  ["joinSent: one join at a time", [joinSent], { does: [], mayJoin: false, state: { phase: "joining", sequence: 1 } }],
  [
    "joined: heartbeats are for the new generation, claims still for the one synced before",
    [...owner, joinSent, joined(2)],
    { does: [], live: ["t/0", "t/1", "t/2"], mayJoin: false, state: { generation: 2, synced: 1, phase: "joining" } }
  ],
  [
    "synced: what is new is acquired",
    generation(1, "t/0", "t/1"),
    {
      does: ["acquire t/0", "acquire t/1"],
      live: ["t/0", "t/1"],
      mayJoin: false,
      state: { phase: "member", synced: 1 }
    }
  ],
  [
    "synced: what stays is left untouched, what is gone is evicted and stays claimed, what is new comes",
    [...owner, ...generation(2, "t/0", "t/9")],
    { does: ["evict t/1", "evict t/2", "acquire t/9"], live: ["t/0", "t/9"], evicting: ["t/1", "t/2"], mayJoin: false }
  ],
  [
    "synced: an eviction that is under way is not started twice",
    [...owner, ...generation(2, "t/0", "t/1"), ...generation(3, "t/0", "t/1")],
    { does: [], live: ["t/0", "t/1"], evicting: ["t/2"], mayJoin: false }
  ],
  [
    "synced: what comes back while it is being evicted is let go first, to be taken up in a later generation",
    [...owner, ...generation(2, "t/0", "t/1"), ...generation(3, "t/0", "t/1", "t/2")],
    { does: [], live: ["t/0", "t/1"], evicting: ["t/2"], mayJoin: false }
  ],
  [
    "evicted: what came back meanwhile is given up, too, and asked for in a join",
    [...owner, ...generation(2, "t/0", "t/1"), ...generation(3, "t/0", "t/1", "t/2"), evicted("t/2")],
    { does: [], live: ["t/0", "t/1"], evicting: [], mayJoin: true }
  ],
  [
    "synced: a member that is leaving takes nothing up, and evicts what it no longer has",
    [...owner, joinSent, leave, joined(2), synced("t/0", "t/1", "t/2", "t/3")],
    { does: [], live: [], evicting: ["t/0", "t/1", "t/2"], mayJoin: false }
  ],
  [
    "joined: an answer after everything was lost is not acted on",
    [joinSent, lost, joined(7, "late")],
    { does: [], mayJoin: true, state: { memberId: "", phase: "out", generation: -1 } }
  ],
  [
    "synced: an answer after everything was lost is not acted on",
    [...owner, joinSent, joined(2), lost, synced("t/0")],
    { does: [], live: [], evicting: ["t/0", "t/1", "t/2"], mayJoin: false, state: { phase: "out", lease: noLease } }
  ],
  [
    "joined: under another member id, nothing that the old one owned goes on",
    [...owner, joinSent, joined(2, "other")],
    {
      does: [
        "abandon the join",
        "evict t/0 without a commit",
        "evict t/1 without a commit",
        "evict t/2 without a commit"
      ],
      mayJoin: false,
      state: { memberId: "", phase: "out" }
    }
  ],
  [
    "joinFailed: the same member tries again with what it owns",
    [...owner, joinSent, joinFailed],
    { does: [], live: ["t/0", "t/1", "t/2"], mayJoin: true, state: { phase: "member", memberId: "m", synced: 1 } }
  ],
  [
    "joinFailed: a sync refused after the join was answered, too",
    [...owner, joinSent, joined(2), joinFailed],
    { does: [], live: ["t/0", "t/1", "t/2"], mayJoin: true, state: { generation: 2, synced: 1 } }
  ],
  [
    "joinFailed: a new member stays out and tries again",
    [joinSent, joinFailed],
    { does: [], mayJoin: true, state: { phase: "out" } }
  ],
  [
    "heard: success carries the lease",
    [...owner, heard(70, false)],
    { does: [], mayJoin: false, state: { lease: { succeeded: 70, heard: 70, committed: -Infinity } } }
  ],
  [
    "heard: REBALANCE_IN_PROGRESS asks for a join and carries the session only",
    [...owner, heard(70, true)],
    { does: [], mayJoin: true, state: { lease: { succeeded: 50, heard: 70, committed: -Infinity } } }
  ],
  [
    "heard: a late REBALANCE_IN_PROGRESS of an earlier generation asks for nothing",
    [...owner, ...generation(2, "t/0", "t/1"), heard(70, true, 1)],
    { does: [], mayJoin: false }
  ],
  [
    "heard: REBALANCE_IN_PROGRESS while a join is pending asks for no second one",
    [...owner, joinSent, heard(70, true), joined(2), synced("t/0", "t/1", "t/2")],
    { does: [], mayJoin: false }
  ],
  [
    "committed: the lease's other half",
    [...owner, { type: "committed", sentAt: 80 }],
    { does: [], mayJoin: false, state: { lease: { succeeded: 50, heard: 50, committed: 80 } } }
  ],
  [
    "evicted: while another eviction goes on, no join yet",
    [...owner, ...generation(2, "t/0"), evicted("t/1")],
    { does: [], live: ["t/0"], evicting: ["t/2"], mayJoin: false }
  ],
  [
    "evicted: the last one is followed by a join without the claims",
    [...owner, ...generation(2, "t/0"), evicted("t/1"), evicted("t/2")],
    { does: [], live: ["t/0"], evicting: [], mayJoin: true }
  ],
  [
    "evicted: one that ends while a join with its claim is pending is followed by another join",
    [...owner, ...generation(2, "t/0", "t/1"), joinSent, evicted("t/2"), joined(3), synced("t/0", "t/1")],
    { does: [], live: ["t/0", "t/1"], evicting: [], mayJoin: true }
  ],
  [
    "evicted: of a live or unknown partition means nothing",
    [...owner, evicted("t/0"), evicted("t/7")],
    { does: [], live: ["t/0", "t/1", "t/2"], evicting: [], mayJoin: false }
  ],
  [
    "rejoin: somebody needs a new generation",
    [...owner, rejoin],
    { does: [], live: ["t/0", "t/1", "t/2"], mayJoin: true }
  ],
  [
    "rejoin: while a join is pending, another one follows it",
    [...owner, joinSent, rejoin, joined(2), synced("t/0", "t/1", "t/2")],
    { does: [], mayJoin: true }
  ],
  [
    "lost: everything is evicted without a commit, and no lease is left",
    [...owner, lost],
    {
      does: ["evict t/0 without a commit", "evict t/1 without a commit", "evict t/2 without a commit"],
      live: [],
      evicting: ["t/0", "t/1", "t/2"],
      mayJoin: false,
      state: { memberId: "", generation: -1, synced: -1, lease: noLease }
    }
  ],
  [
    "lost: an eviction that is under way hears that it must not commit any more",
    [...owner, ...generation(2, "t/0", "t/1"), lost],
    {
      does: ["evict t/0 without a commit", "evict t/1 without a commit", "evict t/2 without a commit"],
      mayJoin: false
    }
  ],
  ["lost: a pending join is abandoned first", [joinSent, lost], { does: ["abandon the join"], mayJoin: true }],
  [
    "lost: a new member id joins only when everything is evicted",
    [...owner, lost, evicted("t/0"), evicted("t/1")],
    { does: [], evicting: ["t/2"], mayJoin: false }
  ],
  [
    "lost: and then it does, claiming nothing",
    [...owner, lost, evicted("t/0"), evicted("t/1"), evicted("t/2")],
    { does: [], live: [], evicting: [], mayJoin: true, state: { memberId: "" } }
  ],
  [
    "leave: everything is evicted and committed, and no join follows",
    [...owner, leave],
    { does: ["evict t/0", "evict t/1", "evict t/2"], live: [], evicting: ["t/0", "t/1", "t/2"], mayJoin: false }
  ],
  [
    "leave: a rebalance meanwhile does not make it join",
    [...owner, leave, heard(70, true), rejoin, evicted("t/0"), evicted("t/1"), evicted("t/2")],
    { does: [], evicting: [], mayJoin: false }
  ],
  [
    "leave: ownership lost meanwhile commits nothing more",
    [...owner, leave, lost],
    {
      does: ["evict t/0 without a commit", "evict t/1 without a commit", "evict t/2 without a commit"],
      mayJoin: false
    }
  ],
  [
    "given: the id of the join under way is no ghost",
    [joinSent, given("x")],
    { does: [], mayJoin: false, state: { given: "x", ghosts: new Set() } }
  ],
  [
    "joined: it is the member's then",
    [joinSent, given("x"), joined(1, "x")],
    { does: [], mayJoin: false, state: { given: "", memberId: "x", ghosts: new Set() } }
  ],
  [
    "joinFailed: what was given is a ghost",
    [joinSent, given("x"), joinFailed],
    { does: [], mayJoin: true, state: { given: "", ghosts: new Set(["x"]) } }
  ],
  [
    "lost: so it is where the join was given up",
    [joinSent, given("x"), lost],
    { does: ["abandon the join"], mayJoin: true, state: { given: "", ghosts: new Set(["x"]) } }
  ],
  [
    "given: so is one that comes too late",
    [joinSent, lost, given("x")],
    { does: [], mayJoin: true, state: { given: "", ghosts: new Set(["x"]) } }
  ],
  [
    "given: so is one of the join before",
    [joinSent, lost, joinSent, given("x"), given("y", 2)],
    { does: [], mayJoin: false, state: { given: "y", ghosts: new Set(["x"]) } }
  ],
  [
    "joined: so is a member id that came too late, and one that is not the member's own",
    [joinSent, lost, joined(1, "late"), joinSent, joined(2), joinSent, joined(3, "other")],
    { does: ["abandon the join"], mayJoin: true, state: { ghosts: new Set(["late", "m", "other"]), memberId: "" } }
  ],
  [
    "lost: a member id is held back while something is evicted that was owned under it",
    [...owner, lost, evicted("t/0"), evicted("t/2")],
    { does: [], evicting: ["t/1"], mayJoin: false, state: { held: new Set(["m"]), ghosts: new Set() } }
  ],
  [
    "evicted: it may leave when that is done",
    [...owner, lost, evicted("t/0"), evicted("t/2"), evicted("t/1")],
    { does: [], mayJoin: true, state: { held: new Set(), ghosts: new Set(["m"]) } }
  ],
  [
    "gone: a ghost that left is no more",
    [joinSent, given("x"), lost, gone("x")],
    { does: [], mayJoin: true, state: { ghosts: new Set() } }
  ],
  [
    "given: of too many ghosts the oldest is left to its session",
    [joinSent, lost, ...Array.from({ length: maxGhosts + 1 }, (_, i) => given(`x${i}`))],
    { does: ["forget x0"], mayJoin: true }
  ]
]

describe("what follows from an event", () => {
  it.each(table)("%s", (_fact, history, then) => {
    const [s, does] = play(...history)
    assert.deepStrictEqual(does, then.does)
    const c = claims(s, "")
    if (then.live !== undefined) assert.deepStrictEqual([...c.live].sort(), then.live)
    if (then.evicting !== undefined) assert.deepStrictEqual([...c.evicting].sort(), then.evicting)
    assert.strictEqual(mayJoin(s), then.mayJoin, "may join")
    for (const [name, value] of Object.entries(then.state ?? {}))
      assert.deepStrictEqual(s[name as keyof HandoffState], value, name)
  })

  it("nothing follows once the member has left", () => {
    const left: HandoffState = { ...initial, phase: "left" }
    for (const e of [joinSent, joined(3), synced("t/0"), lost, leave, rejoin, heard(9, true)])
      assert.deepStrictEqual(step(left, e), [left, []])
    assert.isFalse(mayJoin(left))
  })

  it("every join says something new: its sequence goes on over lost memberships", () => {
    const [s] = play(...owner, lost, ...["t/0", "t/1", "t/2"].map(evicted), joinSent)
    assert.strictEqual(claims(s, "").sequence, 2)
  })
})

const key = fc.nat(4).map((n) => `t/${n}`)
const keys = fc.uniqueArray(key, { maxLength: 5 })
type Random =
  | { readonly do: "event"; readonly event: HandoffEvent }
  /** A whole join as it goes well: when one may be sent. */
  | { readonly do: "join"; readonly assigned: ReadonlyArray<string> }
  | { readonly do: "send" }
  | { readonly do: "evictAny"; readonly which: number }

const event: fc.Arbitrary<HandoffEvent> = fc.oneof(
  fc.constant(joinFailed),
  fc.constantFrom(-1, 0).map((sequence) => given("any", sequence)),
  fc.constant(gone("any")),
  fc.nat(5).map((n) => joined(n)),
  keys.map((k) => synced(...k)),
  fc.tuple(fc.nat(100), fc.boolean()).map(([at, rebalancing]) => heard(at, rebalancing)),
  fc.nat(100).map((sentAt): HandoffEvent => ({ type: "committed", sentAt })),
  key.map(evicted),
  fc.constant(rejoin),
  fc.constant(lost)
)
const history: fc.Arbitrary<ReadonlyArray<Random>> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: keys.map((assigned): Random => ({ do: "join", assigned })) },
    { weight: 1, arbitrary: fc.constant<Random>({ do: "send" }) },
    { weight: 4, arbitrary: fc.nat().map((which): Random => ({ do: "evictAny", which })) },
    { weight: 5, arbitrary: event.map((e): Random => ({ do: "event", event: e })) },
    { weight: 1, arbitrary: fc.constant<Random>({ do: "event", event: leave }) }
  ),
  { maxLength: 50 }
)

/** A coordinator gives no id twice: an answer is about the member itself, or brings an id that nobody has had yet. */
let ids = 0
const named = (e: HandoffEvent, s: HandoffState): HandoffEvent => {
  const fresh = () => `n${++ids}`
  if (e.type === "joined") return { ...e, memberId: e.generation % 2 === 0 && s.memberId !== "" ? s.memberId : fresh() }
  if (e.type === "given") return { ...e, memberId: fresh(), sequence: e.sequence + s.sequence }
  if (e.type === "gone") return { ...e, memberId: [...s.ghosts][0] ?? "nobody" }
  return e
}

/** Plays a history and shows every step to `see`. Joins are sent only when they may be, as the join loop does. */
const walk = (
  steps: ReadonlyArray<Random>,
  see: (before: HandoffState, e: HandoffEvent, after: HandoffState, actions: ReadonlyArray<HandoffAction>) => void
): HandoffState => {
  let s = initial
  let generationNow = 0
  let isAnswered = false
  const feed = (given: HandoffEvent) => {
    // A coordinator counts generations upwards, and a sync is asked for when the join was answered.
    if (given.type === "synced" && !isAnswered) return
    const e = given.type === "joined" ? { ...given, generation: ++generationNow } : given
    if (e.type === "joinSent" || e.type === "joined") isAnswered = e.type === "joined"
    const [next, actions] = step(s, e)
    see(s, e, next, actions)
    s = next
  }
  for (const r of steps)
    switch (r.do) {
      case "event":
        feed(named(r.event, s))
        break
      case "send":
        if (mayJoin(s)) feed(joinSent)
        break
      case "join":
        if (!mayJoin(s)) break
        feed(joinSent)
        feed(joined(0, s.memberId === "" ? `m${generationNow}` : s.memberId))
        feed(synced(...r.assigned))
        break
      case "evictAny": {
        const open = claims(s, "").evicting
        if (open.length > 0) feed(evicted(open[r.which % open.length]!))
      }
    }
  return s
}

const keyOf = (a: HandoffAction) => ("tp" in a ? `${a.tp.topic}/${a.tp.partition}` : "")

describe("after any sequence of events", () => {
  const always = (fact: string, make: () => Parameters<typeof walk>[1]) =>
    it(fact, () => {
      fc.assert(
        fc.property(history, (steps) => void walk(steps, make())),
        { numRuns: 1_000 }
      )
    })

  always("what is claimed is exactly what is owned or being evicted", () => (_before, _e, after) => {
    const c = claims(after, "")
    assert.deepStrictEqual([...c.live, ...c.evicting].sort(), [...after.owned.keys()].sort())
    assert.strictEqual(c.generation, after.synced)
  })

  always(
    "a partition is acquired only when it is neither owned nor being evicted",
    () => (before, _e, after, actions) => {
      for (const a of actions)
        if (a.type === "acquire") {
          assert.isFalse(before.owned.has(keyOf(a)))
          assert.strictEqual(after.owned.get(keyOf(a))?.phase, "live")
        }
      const acquired = new Set(actions.filter((a) => a.type === "acquire").map(keyOf))
      for (const k of after.owned.keys()) if (!before.owned.has(k)) assert.isTrue(acquired.has(k))
    }
  )

  always(
    "an owned partition ends by an eviction that was asked for and reported",
    () => (before, e, after, actions) => {
      const asked = new Set(actions.filter((a) => a.type === "evict").map(keyOf))
      for (const [k, o] of before.owned) {
        const now = after.owned.get(k)
        if (now === undefined) assert.deepStrictEqual([e, o.phase], [evicted(k), "evicting"])
        else if (now.phase !== o.phase) assert.isTrue(now.phase === "evicting" && asked.has(k))
      }
    }
  )

  always("after a loss nothing that was owned then is committed any more", () => {
    let dead = new Set<string>()
    return (before, e, after, actions) => {
      if (e.type === "lost") {
        for (const k of before.owned.keys()) dead.add(k)
        for (const k of before.owned.keys()) assert.include(actions.map(said), `evict ${k} without a commit`)
      }
      for (const a of actions) if (a.type === "evict" && a.commit) assert.isFalse(dead.has(keyOf(a)))
      dead = new Set([...dead].filter((k) => after.owned.has(k)))
    }
  })

  always("a new member id joins only with nothing owned", () => (before, e, after) => {
    if (e.type === "joinSent") assert.isTrue(before.memberId !== "" || before.owned.size === 0)
    if (after.memberId !== "" && after.memberId !== before.memberId) assert.strictEqual(after.owned.size, 0)
  })

  always("a member that is leaving neither joins nor acquires", () => (_before, _e, after, actions) => {
    if (!after.leaving) return
    assert.isFalse(mayJoin(after))
    assert.isFalse(actions.some((a) => a.type === "acquire"))
  })

  always("one join at a time: none while an answer is awaited", () => (_before, _e, after) => {
    if (after.phase === "joining") assert.isFalse(mayJoin(after))
  })

  always("a claim that ended is followed by a join, or the partition would be nobody's", () => {
    let ended = false
    return (before, e, after) => {
      if (e.type === "joinSent") ended = false
      if (before.owned.size > after.owned.size) ended = true
      const evicting = claims(after, "").evicting.length > 0
      if (ended && !evicting && after.phase !== "joining" && !after.leaving) assert.isTrue(mayJoin(after))
    }
  })

  always("nothing is taken up in the generation in which its eviction ended", () => {
    const ended = new Map<string, number>()
    return (before, _e, after, actions) => {
      for (const k of before.owned.keys())
        if (!after.owned.has(k)) ended.set(`${before.memberId} ${k}`, before.generation)
      for (const a of actions)
        if (a.type === "acquire") assert.notStrictEqual(ended.get(`${after.memberId} ${keyOf(a)}`), after.generation)
    }
  })

  always("no member id that the coordinator gave is thrown away before it is known to have left", () => {
    const known = new Set<string>()
    return (before, e, after, actions) => {
      if ((e.type === "given" || e.type === "joined") && before.phase !== "left") known.add(e.memberId)
      if (e.type === "gone" && before.ghosts.has(e.memberId)) known.delete(e.memberId)
      for (const a of actions) if (a.type === "forget") known.delete(a.memberId)
      const ids = identities(after)
      assert.deepStrictEqual([...new Set(ids)].sort(), [...ids].sort(), "each in one place")
      for (const id of known) assert.include(ids, id)
      assert.isAtMost(after.ghosts.size, maxGhosts)
    }
  })

  always("an id leaves only when what was owned under it is evicted", () => {
    const owners = new Map<string, string>()
    return (before, _e, after, actions) => {
      for (const a of actions) if (a.type === "acquire") owners.set(keyOf(a), before.memberId)
      for (const k of after.owned.keys()) assert.isFalse(after.ghosts.has(owners.get(k) ?? ""), k)
    }
  })

  always("without a membership there is no lease until a coordinator answers again", () => (_before, e, after) => {
    if (e.type === "lost") assert.deepStrictEqual(after.lease, noLease)
  })
})
