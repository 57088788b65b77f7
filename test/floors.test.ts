/**
 * The floors of the house: who may import whom. A file of the transport, the engine, the HTTP server or the pod imports no
 * application and none speaks of one, nothing imports upward, and no imports run in a circle. Type imports count: they tie two files as well.
 */
import { globSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { assert, describe, it } from "vitest"

const src = new URL("../src", import.meta.url).pathname

const imports = new Map(
  globSync("**/*.ts", { cwd: src }).map((file) => {
    const text = readFileSync(join(src, file), "utf8")
    const named = text.matchAll(/(?:from|import|URL)\s*\(?\s*"(\.{1,2}\/[^"]+\.ts)"/g)
    return [file, Array.from(named, ([, path]) => relative(src, join(src, dirname(file), path!)))] as const
  })
)

const applications = ["metrics", "archive", "agent", "demo"]

/** From the ground up: what each floor may import besides itself. */
const floors: ReadonlyArray<readonly [floor: string, mayImport: ReadonlyArray<string>]> = [
  ["transport", []],
  ["engine", ["transport"]],
  ["config", ["engine", "transport"]],
  ["http", ["config"]],
  ["metrics/text", ["http"]],
  ["metrics/rounds", ["metrics/text", "transport"]],
  ["metrics/read", ["metrics/text"]],
  ["metrics/relabel", ["metrics/text", "metrics/read"]],
  ["metrics/samples", ["metrics/text", "metrics/read", "metrics/rounds"]],
  ["metrics/admission", ["metrics/text", "metrics/rounds", "metrics/relabel"]],
  ["metrics/tap", ["metrics/text", "metrics/relabel", "transport"]],
  [
    "metrics/cache",
    [
      "metrics/admission",
      "metrics/relabel",
      "metrics/text",
      "metrics/read",
      "metrics/rounds",
      "metrics/samples",
      "metrics/tap",
      "engine",
      "transport"
    ]
  ],
  ["metrics/body", ["metrics/text", "http"]],
  ["metrics/scrape", ["metrics/text", "metrics/body", "metrics/cache", "http", "pod", "engine", "transport"]],
  // What puts metrics together, beside its rooms.
  [
    "metrics/*",
    [
      "metrics/admission",
      "metrics/relabel",
      "metrics/tap",
      "metrics/text",
      "metrics/cache",
      "metrics/scrape",
      "config",
      "pod"
    ]
  ],
  ["pod", ["http", "config", "engine", "transport"]],
  // What tries parts may know all of those that it tries.
  ["testing", ["transport", "engine", "metrics/text", "metrics/cache", "metrics/tap", "metrics/body"]],
  ["archive/format", ["engine", "transport"]],
  ["archive/memory", []],
  ["archive/store", ["archive/format"]],
  ["archive/rows", ["archive/memory", "transport"]],
  ["archive", ["pod", "config", "engine", "transport"]],
  // A dump is checked by the pods' own reader.
  ["agent", ["transport", "http", "metrics/text", "metrics/rounds", "metrics/read", "metrics/relabel", "metrics/cache"]]
]

/** On the ground, for all. */
const ground = [
  "Backoff.ts",
  "CountedHistogram.ts",
  "Loan.ts",
  "Seldom.ts",
  "SecretFile.ts",
  "SelfMetrics.ts",
  "Span.ts",
  "Logging.ts",
  "LoopTurns.ts",
  "Tracing.ts",
  "version.ts"
]

/** In the folder or below it; `folder/*`: in it. */
const isIn = (file: string, folder: string): boolean =>
  folder.endsWith("/*") ? dirname(file) === dirname(folder) : file.startsWith(`${folder}/`)

/** In code: comments and what is written to people are about anything. */
const identifiers = (code: string): ReadonlyArray<string> => {
  const bare = code
    .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"/g, "")
    .replaceAll(/`(?:[^`\\]|\\.)*`/g, (text) =>
      [...text.matchAll(/\$\{([^}]*)/g)].map(([, inside]) => inside).join(" ")
    )
    .replaceAll("Math.round", "")
  return Array.from(bare.matchAll(/[A-Za-z_$][\w$]*/g), ([name]) => name)
}

const wordsOf = (name: string): ReadonlyArray<string> => name.split(/(?=[A-Z])|_/)

const isOfMetrics = (word: string): boolean => /^(?:sources?|series|family|families|rounds?)$/i.test(word)

const wrong = (file: string, mayImport: ReadonlyArray<string>): ReadonlyArray<string> =>
  imports.get(file)!.filter((path) => !ground.includes(path) && !mayImport.some((floor) => isIn(path, floor)))

describe("the floors of the house", () => {
  for (const [floor, mayImport] of floors)
    it(`${floor} imports nothing from above`, () => {
      for (const file of imports.keys()) {
        if (!isIn(file, floor)) continue
        assert.deepStrictEqual(wrong(file, [...mayImport, floor]), [], file)
      }
    })

  it("every folder of src has a floor, but those that put the program together", () => {
    const known = [...floors.map(([floor]) => floor), "commands", "demo"]
    for (const file of imports.keys())
      assert.isTrue(!file.includes("/") || known.some((floor) => isIn(file, floor)), file)
  })

  it("no file of the transport, the engine, the HTTP server or the pod imports an application", () => {
    for (const [file, paths] of imports)
      if (["transport", "engine", "http", "pod"].some((floor) => isIn(file, floor)))
        assert.deepStrictEqual(
          paths.filter((path) => applications.some((application) => isIn(path, application))),
          [],
          file
        )
  })

  it("no identifier of the engine, the HTTP server or the pod is a word of metrics", () => {
    for (const file of imports.keys()) {
      if (!["engine", "http", "pod"].some((floor) => isIn(file, floor))) continue
      const found = identifiers(readFileSync(join(src, file), "utf8")).filter((name) => wordsOf(name).some(isOfMetrics))
      assert.deepStrictEqual([...new Set(found)], [], file)
    }
  })

  it("no imports run in a circle", () => {
    const circles = new Set<string>()
    const done = new Set<string>()
    const walk = (file: string, path: ReadonlyArray<string>): void => {
      const at = path.indexOf(file)
      if (at >= 0) circles.add(path.slice(at).toSorted().join(" "))
      if (at >= 0 || done.has(file)) return
      for (const next of imports.get(file) ?? []) walk(next, [...path, file])
      done.add(file)
    }
    for (const file of imports.keys()) walk(file, [])
    assert.deepStrictEqual([...circles], [])
  })
})
