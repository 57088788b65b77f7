/**
 * Python for the tests, with the OpenMetrics reference parser: a virtual environment in the user's cache, made once per
 * Python version. Two test files may ask at once: the folder appears whole or not at all, the second one waits.
 */
import { execFile, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { promisify } from "node:util"

const run = promisify(execFile)
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "kafka2prom")
const requirement = "prometheus_client==0.26.0"
/** A set-up that takes longer was ended half-way: its lock is nobody's. */
const STALE_MS = 10 * 60_000

/** The path of a Python that has prometheus_client. */
export const pythonWithClient = async (): Promise<string> => {
  const { stdout } = await run("python3", ["-c", "import platform; print(platform.python_version())"])
  const home = join(cache, `python-${stdout.trim()}`)
  const python = join(home, "bin", "python")
  const marker = join(home, `${requirement}.installed`)
  const lock = `${home}.lock`
  await mkdir(cache, { recursive: true })
  while (!existsSync(marker)) {
    try {
      await mkdir(lock)
    } catch {
      const held = await stat(lock).catch(() => undefined)
      if (held !== undefined && Date.now() - held.mtimeMs > STALE_MS) await rm(lock, { recursive: true, force: true })
      await delay(200)
      continue
    }
    try {
      if (existsSync(marker)) break
      if (!existsSync(python)) {
        const building = await mkdtemp(`${home}.part-`)
        await run("python3", ["-m", "venv", building])
        await rm(home, { recursive: true, force: true })
        await rename(building, home)
      }
      await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement])
      await writeFile(marker, "")
    } finally {
      await rm(lock, { recursive: true, force: true })
    }
  }
  return python
}

export interface Body {
  readonly format: "text" | "openmetrics"
  readonly body: string
}

export interface PythonSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** As Python prints a float: `nan`, `inf`, `1.5`. */
  readonly value: string
  readonly type: string
}

export interface Verdict {
  readonly error: string | undefined
  readonly samples: ReadonlyArray<PythonSample>
}

const script = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families as text
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
out = []
for b in json.load(sys.stdin):
    try:
        families = list((text if b["format"] == "text" else openmetrics)(b["body"]))
        out.append({"samples": [{"name": s.name, "labels": s.labels, "value": repr(float(s.value)), "type": f.type} for f in families for s in f.samples]})
    except Exception as e:
        out.append({"error": type(e).__name__ + ": " + str(e), "samples": []})
json.dump(out, sys.stdout)
`

/** What prometheus_client's parsers say of each body: one process for all of them. */
export const parseInPython = async (bodies: ReadonlyArray<Body>): Promise<ReadonlyArray<Verdict>> => {
  const python = await pythonWithClient()
  const child = spawn(python, ["-c", script], { stdio: ["pipe", "pipe", "inherit"] })
  child.stdin.end(JSON.stringify(bodies))
  let output = ""
  child.stdout.setEncoding("utf8")
  for await (const text of child.stdout) output += text
  return JSON.parse(output)
}
