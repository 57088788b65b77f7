/** Who gets which format, as Prometheus' Go library would answer, and what a record's content type means. */
import { assert, describe, it } from "@effect/vitest"
import { acceptsGzip, inputFormat, negotiate } from "../../../src/metrics/text/Negotiation.ts"

const plain = "; charset=utf-8; escaping=underscores"
const text = `text/plain; version=0.0.4${plain}`
const text1 = `text/plain; version=1.0.0${plain}`
const om1 = `application/openmetrics-text; version=1.0.0${plain}`
const om0 = `application/openmetrics-text; version=0.0.1${plain}`
const utf8 = om1.replace("underscores", "allow-utf-8")
const prometheus2 =
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
const prometheus3 =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
const prometheusProtobuf = `application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,${prometheus3}`

describe("a scraper", () => {
  it.each([
    ["without a wish", undefined, text],
    ["with an empty wish", "", text],
    ["of Prometheus 2", prometheus2, om1],
    ["of Prometheus 3", prometheus3, utf8],
    ["that prefers protobuf", prometheusProtobuf, utf8],
    ["that is a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", text],
    ["that is curl", "*/*", text],
    ["that asks for text", "text/plain", text],
    [
      "that asks for text in a later version first",
      "text/plain;version=1.0.0, application/openmetrics-text;version=1.0.0;q=0.1",
      text1
    ],
    ["that asks for text in a version to come", "text/plain;version=2.0.0, text/plain;q=0.1", text],
    ["that asks for dots", "text/plain;escaping=dots", text.replace("underscores", "dots")],
    ["that asks for values", "application/openmetrics-text;escaping=values", om0.replace("underscores", "values")],
    ["that asks for an unknown way of escaping", "text/plain;version=1.0.0;escaping=none", text1],
    ["that prefers text", "application/openmetrics-text;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.5", text],
    ["that lists text first at equal quality", "text/plain,application/openmetrics-text", text],
    ["that names no OpenMetrics version", "application/openmetrics-text", om0],
    ["that asks for OpenMetrics 0.0.1", "application/openmetrics-text; version=0.0.1", om0],
    ["that asks for an unknown OpenMetrics version", "application/openmetrics-text; version=2.0.0", text],
    ["that will not have OpenMetrics", "application/openmetrics-text;q=0", text],
    ["that quotes and shouts", 'Application/OpenMetrics-Text; Version="1.0.0" ; Q=0.9', om1],
    ["that sends nonsense", ";;=,,q=x;version", text],
    ["that gives a quality that is none", "text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=high", om1]
  ])("%s is answered", (_, accept, contentType) => {
    const negotiated = negotiate(accept)
    assert.strictEqual(negotiated.contentType, contentType)
    assert.strictEqual(negotiated.format, contentType.startsWith("text") ? "text" : "openmetrics")
    assert.isTrue(contentType.endsWith(`escaping=${negotiated.escaping}`))
  })

  it.each([
    [undefined, false],
    ["", false],
    ["gzip", true],
    ["deflate, gzip;q=0.5, br", true],
    ["GZIP", true],
    ["gzip;q=0", false],
    ["gzip; q=0.000, *", false],
    ["*", true],
    ["*;q=0", false],
    ["br, deflate", false],
    ["xgzip", false]
  ])("that accepts the encodings %j gets gzip: %s", (header, expected) =>
    assert.strictEqual(acceptsGzip(header), expected)
  )
})

describe("a record's content type", () => {
  it.each([
    [undefined, "text"],
    ["", "text"],
    ["text/plain", "text"],
    [text, "text"],
    ["text/plain; charset=US-ASCII", "text"],
    ["TEXT/PLAIN; version=0.0.4; escaping=underscores", "text"],
    ["text/plain; version=1.0.0; escaping=allow-utf-8", "text"],
    ["text/plain; version=0.0.3", undefined],
    ["text/plain; charset=latin1", undefined],
    [om1, "openmetrics"],
    [om0, "openmetrics"],
    ["application/openmetrics-text", "openmetrics"],
    ["application/openmetrics-text; version=2.0.0", undefined],
    ["application/json", undefined],
    ["application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily", undefined]
  ])("%j is read as %s", (contentType, expected) => assert.strictEqual(inputFormat(contentType), expected))
})
