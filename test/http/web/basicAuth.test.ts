/** Users and passwords: who is let in, what it costs, how the wrong ones are slowed; and the bounds of the bookkeeping. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { hashSync } from "bcryptjs"
import { Failures } from "../../../src/http/Failures.ts"
import type { Refusal } from "../../../src/http/Refusal.ts"
import { BasicAuth } from "../../../src/http/web/BasicAuth.ts"
import { Bcrypt, type Question } from "../../../src/http/web/Bcrypt.ts"
import { RateLimiter } from "../../../src/http/web/RateLimit.ts"
import { basic } from "./server.ts"

const users = new Map([
  ["alice", hashSync("correct horse", 4)],
  ["bob", hashSync("bäd:pass", 4).replace("$2b$", "$2y$")]
])

/** The real thread, which counts. */
class Counting extends Bcrypt {
  asked = 0
  override isRight(question: Question): Promise<boolean> {
    this.asked += 1
    return super.isRight(question)
  }
}

describe("basic auth", () => {
  let bcrypt: Counting
  beforeAll(() => {
    bcrypt = new Counting()
  })
  afterAll(() => bcrypt.close())
  const door = () => {
    const auth = new BasicAuth(bcrypt, new Failures())
    bcrypt.asked = 0
    return async (user: string, password: string, client = "a", now = 0, of = users): Promise<string> => {
      const refusal: Refusal | undefined = await auth.judge(basic(user, password).authorization, client, of, now)
      return refusal?.why ?? "in"
    }
  }

  it("lets in the right ones alone", async () => {
    const comes = door()
    assert.strictEqual(await comes("alice", "correct horse"), "in")
    assert.strictEqual(await comes("bob", "bäd:pass"), "in")
    for (const [user, password] of [
      ["alice", "bäd:pass"],
      ["alice", ""],
      ["nobody", "correct horse"],
      ["", ""]
    ] as const)
      assert.strictEqual(await comes(user, password), "credentials", user)
  })

  it("what is no Basic header is told what is wanted", () => {
    const auth = new BasicAuth(bcrypt, new Failures())
    for (const header of [
      undefined,
      "",
      "Basic",
      "Basic %%%",
      "Bearer x",
      `Basic ${Buffer.from("no colon").toString("base64")}`
    ]) {
      const refusal = auth.judge(header, "a", users, 0) as Refusal
      assert.deepStrictEqual([refusal.status, refusal.headers?.["WWW-Authenticate"]?.slice(0, 6)], [401, "Basic "])
    }
    assert.isUndefined((auth.judge(undefined, "a", users, 0) as Refusal).said)
  })

  it("looks at the same ones once, also when they come at the same time, right or wrong", async () => {
    const comes = door()
    const all = await Promise.all(Array.from({ length: 50 }, () => comes("alice", "correct horse")))
    assert.deepStrictEqual([...new Set(all)], ["in"])
    for (let n = 0; n < 50; n++) assert.strictEqual(await comes("alice", "wrong"), "credentials")
    assert.strictEqual(bcrypt.asked, 2)
  })

  it("a hash that changed, or a user that is gone, counts at once", async () => {
    const comes = door()
    assert.strictEqual(await comes("alice", "correct horse"), "in")
    const changed = new Map([["alice", hashSync("another", 4)]])
    assert.strictEqual(await comes("alice", "correct horse", "a", 0, changed), "credentials")
    assert.strictEqual(
      await comes("alice", "correct horse", "a", 0, new Map([["bob", users.get("bob")!]])),
      "credentials"
    )
    assert.strictEqual(await comes("alice", "correct horse"), "in")
  })

  it("a client that is wrong too often is slowed; who is known there, and others, are not", async () => {
    const comes = door()
    assert.strictEqual(await comes("alice", "correct horse"), "in")
    const outcomes: Array<string> = []
    for (let n = 0; n < 12; n++) outcomes.push(await comes("alice", `guess ${n}`))
    assert.deepStrictEqual(
      [...new Set(outcomes.slice(0, 10)), ...outcomes.slice(10)],
      ["credentials", "slowed", "slowed"]
    )
    // Not even the right one is looked at: a guess would tell by that.
    assert.strictEqual(await comes("bob", "bäd:pass"), "slowed")
    assert.strictEqual(await comes("alice", "correct horse"), "in")
    assert.strictEqual(await comes("bob", "bäd:pass", "b"), "in")
    assert.strictEqual(await comes("bob", "a guess", "a", 1_000), "credentials")
    assert.strictEqual(await comes("bob", "one more", "a", 1_000), "slowed")
  })

  it("passwords that wait are bounded, whoever brings them", async () => {
    const comes = door()
    const all = await Promise.all(Array.from({ length: 40 }, (_, n) => comes("alice", `guess ${n}`, `client ${n}`)))
    const busy = all.filter((why) => why === "busy").length
    assert.strictEqual(busy, 40 - 16)
    assert.strictEqual(await comes("alice", "correct horse", "late"), "in")
  })
})

describe("failures", () => {
  it("ten at once, then one in a second, and right ones cost nothing", () => {
    const failures = new Failures()
    for (let n = 0; n < 10; n++) assert.strictEqual(failures.tries("a", 0), 0)
    assert.strictEqual(failures.tries("a", 0), 1_000)
    assert.strictEqual(failures.tries("a", 999), 1)
    assert.strictEqual(failures.tries("a", 1_000), 0)
    assert.strictEqual(failures.tries("b", 0), 0)
    for (let n = 0; n < 100; n++) {
      assert.strictEqual(failures.tries("c", 0), 0)
      failures.wasRight("c")
    }
  })

  it("remember ten thousand clients, and forget who tried longest ago", () => {
    const failures = new Failures()
    for (let n = 0; n < 10; n++) failures.tries("first", 0)
    for (let n = 0; n < 9_999; n++) failures.tries(`client ${n}`, 0)
    assert.isAbove(failures.tries("first", 0), 0)
    failures.tries("one more", 0)
    assert.strictEqual(failures.tries("first", 0), 0)
  })
})

describe("the rate limit", () => {
  it("lets in a burst, and then one in each interval", () => {
    const limiter = new RateLimiter()
    const at = (now: number) => limiter.allows({ interval: 100, burst: 3 }, now)
    assert.deepStrictEqual(
      [at(0), at(0), at(0), at(0), at(99), at(100), at(100), at(1_000)],
      [...[true, true, true, false, false], ...[true, false, true]]
    )
  })
})
