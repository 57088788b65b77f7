import { assert, it } from "@effect/vitest"
import { readGlob } from "../../../src/agent/files/Glob.ts"
import { unmatched } from "../../../src/agent/files/Unmatched.ts"

it("a pattern that matches nothing is told with its option and what may be wrong with it", () => {
  const told = (text: string, isMissing = false) => unmatched("--dump", readGlob(text, "/w"), isMissing)
  assert.strictEqual(told("/d/*.prom"), "no file matches --dump /d/*.prom so far")
  assert.include(told("d/*.prom", true), "; there is no directory /w/d")
  assert.include(told("/a,/b"), "; several globs are several options")
  assert.notInclude(told("/{a,b}"), "several globs")
})
