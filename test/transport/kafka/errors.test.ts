import { assert, describe, it } from "vitest"
import {
  failed,
  fetchError,
  LinkClosed,
  refused,
  toTransportError
} from "../../../src/transport/kafka/connection/Errors.ts"
import { TransportError } from "../../../src/transport/Transport.ts"

const thrown = (name: string, message: string, rest: object = {}) =>
  Object.assign(new Error(message), { name, ...rest })
const code = (cause: unknown, phase: "setup" | "request" = "request") =>
  toTransportError("op", "broker b:1", cause, phase).code

describe("Errors", () => {
  it("maps the broker's codes to what the caller can do", () => {
    const expected: ReadonlyArray<readonly [number, string, boolean]> = [
      [3, "UNKNOWN_TOPIC_OR_PARTITION", true],
      [6, "NOT_LEADER", true],
      [7, "TIMEOUT", true],
      [10, "MESSAGE_TOO_LARGE", false],
      [14, "COORDINATOR_LOAD_IN_PROGRESS", true],
      [15, "COORDINATOR_NOT_AVAILABLE", true],
      [16, "NOT_COORDINATOR", true],
      [19, "NOT_ENOUGH_REPLICAS", true],
      [20, "NOT_ENOUGH_REPLICAS", true],
      [22, "ILLEGAL_GENERATION", false],
      [23, "INCONSISTENT_GROUP_PROTOCOL", false],
      [25, "UNKNOWN_MEMBER_ID", false],
      [27, "REBALANCE_IN_PROGRESS", false],
      [29, "AUTHORIZATION", false],
      [30, "AUTHORIZATION", false],
      [34, "CONNECTION", true],
      [58, "AUTHENTICATION", false],
      [82, "FENCED_INSTANCE_ID", false],
      [26, "OTHER", false],
      [9_999, "OTHER", false]
    ]
    for (const [number, name, again] of expected) {
      const error = refused("commit", number, "broker b:1")
      assert.deepStrictEqual([error.code, error.retriable], [name, again], `code ${number}`)
      assert.match(error.message, /^commit: .*broker b:1 answered/)
    }
  })

  it("maps a partition's code in a fetch", () => {
    const found = [1, 3, 6, 9, 29, 56, 2].map(fetchError)
    assert.deepStrictEqual(found, [
      "OFFSET_OUT_OF_RANGE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "NOT_LEADER",
      "NOT_LEADER",
      "AUTHORIZATION",
      "NOT_LEADER",
      "OTHER"
    ])
  })

  it("calls an unanswered request's outcome unknown, and nothing else", () => {
    for (const cause of [
      thrown("KafkaJSRequestTimeoutError", "Request timed out"),
      thrown("KafkaJSConnectionError", "Connection error: read ECONNRESET", { code: "ECONNRESET" }),
      thrown("KafkaJSConnectionClosedError", "Closed connection"),
      new LinkClosed("gone")
    ])
      assert.isTrue(toTransportError("op", "b", cause, "request").unknownOutcome, cause.name)
    assert.isFalse(toTransportError("op", "b", thrown("TypeError", "x"), "request").unknownOutcome)
    assert.isFalse(refused("op", 22, "b").unknownOutcome)
  })

  it("tells refused credentials and certificates from a broken connection", () => {
    assert.strictEqual(
      code(thrown("KafkaJSSASLAuthenticationError", "SASL PLAIN authentication failed: no")),
      "AUTHENTICATION"
    )
    assert.strictEqual(
      code(thrown("KafkaJSProtocolError", "no", { type: "SASL_AUTHENTICATION_FAILED" })),
      "AUTHENTICATION"
    )
    for (const openssl of [
      "SELF_SIGNED_CERT_IN_CHAIN",
      "CERT_HAS_EXPIRED",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
    ])
      assert.strictEqual(
        code(thrown("KafkaJSConnectionError", "Connection error", { code: openssl })),
        "AUTHENTICATION",
        openssl
      )
    assert.strictEqual(
      code(thrown("KafkaJSConnectionError", "connect ECONNREFUSED", { code: "ECONNREFUSED" }), "setup"),
      "CONNECTION"
    )
    const plain = toTransportError(
      "op",
      "b",
      thrown("KafkaJSConnectionError", "x", { code: "ERR_SSL_WRONG_VERSION_NUMBER" }),
      "setup"
    )
    assert.match(plain.message, /does not speak TLS/)
    const hungUp = toTransportError("op", "b", new LinkClosed("the broker closed the connection"), "setup")
    assert.match(hungUp.message, /does this port expect TLS or SASL/)
  })

  it("passes an error on that is mapped already", () => {
    const error = failed("fetch", "OTHER", "")
    assert.strictEqual(toTransportError("op", "b", error, "request"), error)
  })

  it("knows its codes: what is none is a mistake of the code, to the compiler and when it runs", () => {
    // @ts-expect-error: no such code
    assert.throws(() => new TransportError({ op: "op", code: "LEADERLESS", retriable: true, detail: "" }))
  })
})
