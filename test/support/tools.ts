/**
 * Programs that some tests need beside Node. Where one is missing its tests are skipped, and one line says which, why and
 * how to get it; with K2P_REQUIRE_ALL=1 they fail instead, so that a build server cannot pass by leaving them out.
 */
import { spawnSync } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { describe, it } from "vitest"

const packages: Readonly<Record<string, string>> = {
  java: "a Java runtime, 17 or later (Debian: default-jre-headless)",
  mvn: "Maven (Debian: maven)",
  keytool: "a Java runtime (Debian: default-jre-headless)",
  openssl: "OpenSSL (Debian: openssl)",
  kcat: "kcat (Debian: kcat)",
  curl: "curl (Debian: curl)",
  npm: "npm, which comes with Node",
  tar: "tar",
  prometheus: "Prometheus (Debian: prometheus)",
  promtool: "Prometheus' promtool (Debian: prometheus)",
  "systemd-analyze": "systemd (Debian: systemd)",
  go: "Go 1.21 or later, which fetches the Go that it needs (Debian: golang-go)",
  python3: "Python 3.9 or later with venv (Debian: python3-venv)"
}

/** Debian's python3 comes without what makes virtual environments. */
const canMakeEnvironments = (): boolean => spawnSync("python3", ["-c", "import ensurepip, venv"]).status === 0

const isInstalled = (program: string): boolean => isOnPath(program) && (program !== "python3" || canMakeEnvironments())

const isOnPath = (program: string): boolean =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** `describe` where all the programs are there. */
export const describeWith = (programs: ReadonlyArray<string>, name: string, body: () => void): void => {
  const missing = programs.filter((program) => !isInstalled(program))
  if (missing.length === 0) {
    describe(name, body)
    return
  }
  const reason = `${missing.join(", ")} missing; install ${missing.map((m) => packages[m] ?? m).join(", ")}`
  describe(name, () => {
    if (process.env.K2P_REQUIRE_ALL === "1")
      it("has the programs it needs", () => {
        throw new Error(reason)
      })
    else {
      process.stderr.write(`skipped: ${name}: ${reason}\n`)
      it.skip(`skipped: ${reason}`, () => {})
    }
  })
}

/** `describe` where a real Kafka can run. */
export const describeKafka = (name: string, body: () => void): void => describeWith(["java", "mvn"], name, body)
