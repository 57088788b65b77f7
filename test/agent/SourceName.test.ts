import { assert, describe, it } from "@effect/vitest"
import { fixedBase, isIgnored, jobName, sourceName } from "../../src/agent/SourceName.ts"

describe("SourceName", () => {
  it("an id is the host and the path below the glob's fixed directory", () => {
    const table: ReadonlyArray<readonly [glob: string, path: string, id: string]> = [
      ["/var/dumps/*.prom", "/var/dumps/checkout.prom", "h/checkout"],
      ["/var/dumps/checkout.prom", "/var/dumps/checkout.prom", "h/checkout"],
      ["/srv/*/metrics.prom", "/srv/shop/metrics.prom", "h/shop/metrics"],
      ["/srv/**/*.prom", "/srv/a/b/c.v2.prom", "h/a/b/c.v2"],
      ["/{a,b}/*.prom", "/b/x.prom", "h/b/x"],
      ["/data/x", "/data/x", "h/x"],
      ["/*.prom", "/x.prom", "h/x"]
    ]
    for (const [glob, path, id] of table) assert.strictEqual(sourceName("h", glob, path), id, glob)
  })

  it("a relative glob is taken from the working directory", () => {
    assert.strictEqual(fixedBase("dumps/*.prom"), `${process.cwd()}/dumps`)
  })

  it("a job is the file's name", () => assert.strictEqual(jobName("/srv/shop/metrics.prom"), "metrics"))

  it("hidden and temporary files are no dumps", () => {
    assert.deepStrictEqual(["/d/.x.prom", "/d/x.prom.tmp", "/d/x.prom"].map(isIgnored), [true, true, false])
  })
})
