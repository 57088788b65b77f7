import { assert, describe, it } from "@effect/vitest"
import { fixedBase as baseOf } from "../../src/agent/files/Glob.ts"
import { jobName, sourceBelow } from "../../src/agent/SourceName.ts"

const fixedBase = (glob: string): string => baseOf(glob, process.cwd())
/** As the looker names what it finds. */
const sourceName = (host: string, glob: string, path: string): string => sourceBelow(host, fixedBase(glob), path)

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

  it("only what is a wildcard for the walk is one for the id", () => {
    assert.strictEqual(sourceName("h", "/srv/app (copy)/c++/*.prom", "/srv/app (copy)/c++/m.prom"), "h/m")
    assert.strictEqual(sourceName("h", "/srv/x\\[1\\]/*.prom", "/srv/x[1]/m.prom"), "h/m")
  })
})
