/** Patterns against the shell that people know them from. */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { expandBraces } from "../../../src/agent/files/Braces.ts"
import { fixedBase, matches, readGlob } from "../../../src/agent/files/Glob.ts"
import { isTemporary, type Listed, walk } from "../../../src/agent/files/Walk.ts"

let dir = ""

const files = [
  ...["a.prom", "b.prom", "B.prom", "ab.prom", "br[1].prom", "br1.prom", "x y.prom", "é.prom", "-.prom", "]a.prom"],
  ...["*.prom", "q?.prom", "back\\slash.prom", ".hidden.prom", "a,b.prom", "{a}.prom", "sub/a.prom", "sub/b.txt"],
  ...["sub/deep/a.prom", "sub/.dot/a.prom", "other/a.prom", "x[1]/a.prom", "(copy)/a.prom", "v@2/a.prom", "c++/a.prom"],
  ...["1.prom", "2.prom", "10.prom", "real/in/m.prom"]
]

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "k2p-glob-"))
  for (const file of files) {
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    writeFileSync(join(dir, file), "")
  }
  symlinkSync("real", join(dir, "linked"))
  symlinkSync("../..", join(dir, "real/in/loop"))
  symlinkSync("nowhere", join(dir, "dangling.prom"))
  symlinkSync("a.prom", join(dir, "link.prom"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** What is on this disk, at once. */
const listed = (path: string): Listed => {
  try {
    const kindOf = (entry: { isFile: () => boolean; isDirectory: () => boolean }) =>
      entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "link"
    const entries = readdirSync(path, { withFileTypes: true }).map((entry) => {
      return [entry.name, { name: { text: entry.name, raw: undefined }, kind: kindOf(entry) }] as const
    })
    return { raw: path, entries: new Map(entries), id: String(statSync(path).ino) }
  } catch {
    return { raw: path, entries: new Map(), id: "" }
  }
}

const found = (pattern: string, excludes: ReadonlyArray<string> = [], cwd = dir): ReadonlyArray<string> => {
  const isThere = (path: string) => {
    try {
      return statSync(path) !== undefined
    } catch {
      return false
    }
  }
  const { candidates } = walk(
    [readGlob(pattern, cwd)],
    excludes.map((exclude) => readGlob(exclude, cwd)),
    listed,
    (glob) => glob.mayBeLiteral && isThere(glob.literal)
  )
  return [...candidates.values()]
    .filter(({ isListed, path }) => isListed || isThere(path))
    .map(({ path }) => path.slice(dir.length + 1))
    .sort()
}

const bash = (pattern: string): ReadonlyArray<string> => {
  const script = `shopt -s nullglob extglob globstar; cd "$1"; for f in ${pattern}; do [ -e "$f" -o -L "$f" ] && printf '%s\\0' "$f"; done; true`
  const out = execFileSync("bash", ["-O", "extglob", "-c", script, "bash", dir], {
    env: { LC_ALL: "C.UTF-8", PATH: process.env.PATH }
  })
  return out.toString().split("\0").slice(0, -1).sort()
}

describe("Glob", () => {
  for (const pattern of [
    ...[
      "*.prom",
      "?.prom",
      "[ab].prom",
      "[!a].prom",
      "[^a].prom",
      "[a-c].prom",
      "[]a]*.prom",
      "[[:upper:]].prom",
      "[a-]*.prom"
    ],
    ...[
      "\\*.prom",
      "q\\?.prom",
      "br\\[1\\].prom",
      "x\\[1\\]/*.prom",
      "back\\\\slash.prom",
      "x\\ y.prom",
      "*/a.prom",
      "*/*.prom"
    ],
    ...[
      "{a,b}.prom",
      "{a,b,{1,2}}.prom",
      "{sub,other}/a.prom",
      "{1..2}.prom",
      "sub/{deep/a,b}.{prom,txt}",
      "\\{a\\}.prom"
    ],
    ...[
      ".*.prom",
      ".h*",
      "sub/*",
      "*/.dot/a.prom",
      "linked/*/m.prom",
      "*/in/m.prom",
      "linked/in/m.prom",
      "(copy)/*.prom"
    ],
    ...[
      "v@2/*.prom",
      "c++/a.prom",
      "sub/**/a.prom",
      "*é*",
      "[é].prom",
      "a*b*.prom",
      "nothing/*.prom",
      "./sub/*.prom",
      "sub//a.prom"
    ]
  ])
    it(`${pattern} means the files that bash takes`, () => {
      // Bash reads parentheses itself.
      const expected = bash(pattern.replace(/[()]/g, "\\$&")).filter((path) => !isTemporary(path))
      const normal = expected.map((path) => path.replace(/^\.\//, "").replace("//", "/"))
      assert.deepStrictEqual(found(pattern), normal)
    })

  it("** enters linked directories, and leaves one that leads back", () => {
    const paths = ["linked/in/m.prom", "real/in/m.prom"]
    assert.deepStrictEqual(found("**/m.prom"), paths)
    assert.deepStrictEqual(found("**/in/*.prom"), paths)
  })

  it("** alone is every file below, and no directory", () =>
    assert.deepStrictEqual(found("sub/**"), ["sub/a.prom", "sub/b.txt", "sub/deep/a.prom"]))

  it("a file of a pattern's very name wins over what the pattern means", () => {
    assert.deepStrictEqual(found("br[1].prom"), ["br[1].prom"])
    assert.deepStrictEqual(found("{a}.prom"), ["{a}.prom"])
    assert.deepStrictEqual(found("br[1-9].prom"), ["br1.prom"])
  })

  it("odd characters of the working directory are no pattern", () => {
    for (const name of ["x[1]", "(copy)", "v@2", "c++"])
      assert.deepStrictEqual(found("*.prom", [], join(dir, name)), [`${name}/a.prom`])
  })

  it("what is excluded is not found: by its name, or by its path", () => {
    assert.deepStrictEqual(found("sub/**", ["*.txt"]), ["sub/a.prom", "sub/deep/a.prom"])
    assert.deepStrictEqual(found("sub/**", ["sub/deep/**"]), ["sub/a.prom", "sub/b.txt"])
    assert.deepStrictEqual(found("sub/**", [join(dir, "**/a.prom")]), ["sub/b.txt"])
  })

  it("temporary names are no dumps", () =>
    assert.deepStrictEqual(["a.prom.tmp", "a.tmp.prom", "a.tmpl", "tmp", "a.prom"].map(isTemporary), [
      true,
      true,
      false,
      false,
      false
    ]))

  it("many braces make a bounded number of readings", () =>
    assert.isAtMost(expandBraces("{a,b}".repeat(20)).length, 1_000))

  it("ids begin below the first segment with a wildcard", () => {
    const table: ReadonlyArray<readonly [string, string]> = [
      ["/d/*.prom", "/d"],
      ["/d/m.prom", "/d"],
      ["/d/{a,b/c}/m.prom", "/d"],
      ["/d/x\\[1\\]/*.prom", "/d/x[1]"],
      ["/app (copy)/c++/*.prom", "/app (copy)/c++"],
      ["*.prom", "/w[1]"]
    ]
    for (const [glob, base] of table) assert.strictEqual(fixedBase(glob, "/w[1]"), base, glob)
  })

  it("matching a path does not take longer for a longer pattern than it should", () => {
    const glob = readGlob(`/${"**/".repeat(12)}x`, "/")
    assert.isFalse(matches(glob, `/${"a/".repeat(30)}y`))
  })
})
