/**
 * The last step of the build: declarations import declarations. The compiler writes `./x.js` into the modules that it makes of `./x.ts`,
 * but leaves `./x.ts` in their declarations, which only the newest compilers follow.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs"

const dist = process.argv[2] ?? new URL("../dist", import.meta.url).pathname

for (const file of globSync(`${dist}/**/*.d.ts`)) {
  const text = readFileSync(file, "utf8")
  const rewritten = text.replaceAll(/((?:from|import)\s*\(?\s*"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"')
  if (rewritten !== text) writeFileSync(file, rewritten)
}
