/** The record format's table: every default, every refusal, and that nothing a sender puts into headers throws. */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { describe } from "vitest"
import {
  type Envelope,
  isRefused,
  maxChunks,
  maxSourceBytes,
  readEnvelope
} from "../../../src/metrics/rounds/Record.ts"
import type { LogRecord } from "../../../src/transport/Transport.ts"

const tp = { topic: "metrics", partition: 3 }
const utf8 = new TextEncoder()

const record = (
  headers: Readonly<Record<string, string | Uint8Array>>,
  over: Partial<Pick<LogRecord, "key" | "value">> = {}
): LogRecord => ({
  offset: 7,
  timestamp: 1_700_000_000_000,
  key: utf8.encode("host-1"),
  value: utf8.encode("up 1\n"),
  headers: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, typeof v === "string" ? utf8.encode(v) : v])),
  ...over
})

const read = (...args: Parameters<typeof record>) => readEnvelope(record(...args), tp, "instance")

const plain: Envelope = {
  source: "host-1",
  number: undefined,
  index: 1,
  count: 1,
  time: 1_700_000_000_000,
  mode: "samples",
  labels: [],
  format: "text",
  ended: false
}

describe("a record with nothing but a key", () => {
  it("is its key's, whatever keys came before", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "x"), minLength: 1, maxLength: 5 })), (ids) => {
        for (const source of ids) {
          const key = utf8.encode(source)
          assert.deepStrictEqual(read({}, { key }), { ...plain, source })
          // The memory of a key is used again for what is fetched next.
          key[0] = 120
        }
      })
    )
  })

  it("has its own time, and says by its own value whether the source has ended", () => {
    const of = (timestamp: number, value: Uint8Array | null) =>
      readEnvelope({ ...record({}, { value }), timestamp }, tp, "instance")
    assert.deepStrictEqual(of(5, utf8.encode("up 1")), { ...plain, time: 5 })
    assert.deepStrictEqual(of(6, utf8.encode("up 1")), { ...plain, time: 6 })
    assert.deepStrictEqual(of(6, null), { ...plain, time: 6, ended: true })
    assert.deepStrictEqual(of(6, utf8.encode("up 1")), { ...plain, time: 6 })
  })

  it("is told from one with headers", () => {
    const time = { ...plain, time: 3 }
    for (const [headers, expected] of [
      [{}, plain],
      [{ "k2p-time": "3" }, time],
      [{}, plain]
    ] as const)
      assert.deepStrictEqual(read(headers), expected)
  })
})

describe("what a record says", () => {
  const cases: ReadonlyArray<readonly [string, Parameters<typeof record>, Partial<Envelope>]> = [
    ["nothing but a key: samples in text, ordered by offset", [{}], {}],
    ["no key: a source of its own for the partition", [{}, { key: null }], { source: "unknown/metrics/3" }],
    ["no key: the header names the source", [{ "k2p-source": "h" }, { key: null }], { source: "h" }],
    ["key and header agree", [{ "k2p-source": "host-1" }], {}],
    ["a source id in any script", [{}, { key: utf8.encode("høst-ß-主") }], { source: "høst-ß-主" }],
    [
      "a numbered round is a snapshot",
      [{ "k2p-round": "1700000000000.12" }],
      { number: { epoch: 1_700_000_000_000, round: 12 }, mode: "snapshot" }
    ],
    [
      "numbered samples",
      [{ "k2p-round": "1.2", "k2p-mode": "samples" }],
      { number: { epoch: 1, round: 2 }, mode: "samples" }
    ],
    ["a snapshot without a number", [{ "k2p-mode": "snapshot" }], { mode: "snapshot" }],
    ["a chunk", [{ "k2p-chunk": "2/3" }], { index: 2, count: 3 }],
    ["the most chunks", [{ "k2p-chunk": `${maxChunks}/${maxChunks}` }], { index: maxChunks, count: maxChunks }],
    ["a dump time", [{ "k2p-time": "1700000000123" }], { time: 1_700_000_000_123 }],
    ["OpenMetrics", [{ "content-type": "application/openmetrics-text; version=1.0.0" }], { format: "openmetrics" }],
    ["text", [{ "content-type": "text/plain; version=0.0.4; charset=utf-8" }], {}],
    [
      "labels, an empty one being none",
      [{ "k2p-labels": '{"job":"api","zone":"ü","gone":""}' }],
      {
        labels: [
          ["job", "api"],
          ["zone", "ü"]
        ]
      }
    ],
    ["an empty value ends the source", [{}, { value: new Uint8Array() }], { ended: true }],
    ["a null value ends the source", [{}, { value: null }], { ended: true }],
    ["the format that is written without saying so", [{ "k2p-format": "1" }], {}],
    ["unknown headers are nobody's business", [{ "x-trace": new Uint8Array([255]) }], {}]
  ]
  it.each(cases)("%s", (_, args, expected) => {
    assert.deepStrictEqual(read(...args), { ...plain, ...expected })
  })
})

describe("a record of another format", () => {
  it("says whose it is and where it belongs, and nothing else of it is looked at", () => {
    const headers = { "k2p-round": "3.4", "k2p-chunk": "2/5", "content-type": "text/later", "k2p-mode": "delta" }
    for (const version of ["2", "0", "", "1.0", "latest\u0000"]) {
      const said = read({ ...headers, "k2p-format": version }, { value: null })
      assert.isFalse(isRefused(said))
      const { unread, ...rest } = said as Envelope
      assert.deepStrictEqual(rest, {
        ...plain,
        ...{ number: { epoch: 3, round: 4 }, index: 2, count: 5, mode: "snapshot" }
      })
      assert.strictEqual(unread?.reason, "unknown-format")
      assert.notMatch(unread!.detail, /[\u0000-\u001f]/)
    }
  })

  it("is refused like any other where it does not say that", () => {
    assert.deepInclude(read({ "k2p-format": "2", "k2p-round": "x" }), { reason: "bad-header" })
  })
})

describe("what a record is refused for", () => {
  const bytes = new Uint8Array([0x61, 0xff])
  const cases: ReadonlyArray<readonly [string, Parameters<typeof record>, string, RegExp]> = [
    ["an empty key", [{}, { key: new Uint8Array() }], "bad-header", /key\) is empty/],
    ["a key that is not UTF-8", [{}, { key: bytes }], "bad-header", /key\) is not valid UTF-8/],
    [
      "a key too long",
      [{}, { key: utf8.encode("x".repeat(maxSourceBytes + 1)) }],
      "bad-header",
      /513 bytes; at most 512/
    ],
    ["a source that is not UTF-8", [{ "k2p-source": bytes }, { key: null }], "bad-header", /k2p-source\) is not valid/],
    ["a source other than the key", [{ "k2p-source": "other" }], "source-mismatch", /"other".*"host-1"/],
    ["a round without an epoch", [{ "k2p-round": "12" }], "bad-header", /k2p-round is "12"/],
    ["a negative round", [{ "k2p-round": "1.-2" }], "bad-header", /k2p-round/],
    ["a round beyond exact integers", [{ "k2p-round": "1.9007199254740993" }], "bad-header", /k2p-round/],
    ["a round of three parts", [{ "k2p-round": "1.2.3" }], "bad-header", /k2p-round/],
    ["chunk 0", [{ "k2p-chunk": "0/3" }], "bad-header", /k2p-chunk is "0\/3"/],
    ["a chunk beyond its count", [{ "k2p-chunk": "4/3" }], "bad-header", /k2p-chunk/],
    ["too many chunks", [{ "k2p-chunk": `1/${maxChunks + 1}` }], "bad-header", /1000\/1000/],
    ["a chunk that is no fraction", [{ "k2p-chunk": "1" }], "bad-header", /k2p-chunk/],
    ["a time with a fraction", [{ "k2p-time": "1.5" }], "bad-header", /k2p-time is "1.5"/],
    ["another mode", [{ "k2p-mode": "Snapshot" }], "bad-header", /expected snapshot or samples/],
    ["another content type", [{ "content-type": "application/json" }], "content-type", /"application\/json"/],
    ["labels that are no JSON", [{ "k2p-labels": "{" }], "bad-header", /is not JSON/],
    ["labels that are no object", [{ "k2p-labels": '["a"]' }], "bad-header", /not a JSON object/],
    ["a label that is no label name", [{ "k2p-labels": '{"a-b":"c"}' }], "bad-header", /"a-b" is not a label name/],
    ["a reserved label", [{ "k2p-labels": '{"__name__":"c"}' }], "bad-header", /not a label name/],
    ["a label value that is a number", [{ "k2p-labels": '{"a":1}' }], "bad-header", /value of a is not a string/],
    ["a label value cut in a surrogate pair", [{ "k2p-labels": '{"a":"\\ud800"}' }], "bad-header", /value of a/],
    ["the pod's own source label", [{ "k2p-labels": '{"instance":"x"}' }], "bad-header", /sets instance/],
    ["too many labels", [{ "k2p-labels": "x".repeat(20_000) }], "bad-header", /20000 bytes/],
    ["one empty chunk of several", [{ "k2p-chunk": "1/2" }, { value: null }], "bad-header", /chunk 1\/2 is empty/]
  ]
  it.each(cases)("%s", (_, args, reason, detail) => {
    const answer = read(...args)
    assert.isTrue(isRefused(answer))
    if (!isRefused(answer)) return
    assert.strictEqual(answer.reason, reason)
    assert.match(answer.detail, detail)
  })

  it("a refusal's detail is short and has no control characters, whatever came", () => {
    const names = ["content-type", "k2p-source", "k2p-round", "k2p-chunk", "k2p-time", "k2p-mode", "k2p-labels"]
    const headers = fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.uint8Array(), fc.string({ unit: "binary" })))
    const bytes = fc.option(fc.uint8Array())
    let refused = 0
    fc.assert(
      fc.property(headers, bytes, bytes, (headers, key, value) => {
        const answer = read(headers, { key, value })
        if (!isRefused(answer)) return
        refused++
        assert.isAtMost(answer.detail.length, 200)
        assert.notMatch(answer.detail, /[\u0000-\u001f\u007f-\u009f]/)
      }),
      { numRuns: 500 }
    )
    assert.isAbove(refused, 50)
  })
})
