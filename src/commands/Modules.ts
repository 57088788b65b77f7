/**
 * Modules: applications and extensions of a team, loaded from where the command line, the environment or the file of --config names them, before
 * the options are read: theirs are among them. What is wrong with one is a sentence.
 */
import { resolve as resolvePath } from "node:path"
import { pathToFileURL } from "node:url"
import { readArguments } from "../config/Arguments.ts"
import { quoted } from "../config/Kind.ts"
import { type Environment, type Outcome, resolve } from "../config/Resolve.ts"
import { withSecretFiles } from "../config/SecretFiles.ts"
import { optionName, settings } from "../config/Setting.ts"
import { program } from "../config/Settings.ts"
import { readSettingsFile } from "../config/SettingsFile.ts"
import metricsApp from "../metrics/MetricsApp.ts"
import type { App } from "../pod/App.ts"
import type { Extension } from "../pod/Extension.ts"
import { podSettings } from "../pod/PodSettings.ts"
import type { Team } from "./Commands.ts"

const named = settings({ config: program.config, extension: podSettings.extension })

/** As the command itself will read it; mistakes elsewhere are told then. */
const extensionPaths = (argv: ReadonlyArray<string>, env: Environment): ReadonlyArray<string> => {
  const args = readArguments(argv, named)
  const path = args.given.get("config")?.[0] ?? (env.K2P_CONFIG || undefined)
  const file = path === undefined ? undefined : readSettingsFile(path, new Map([["extension", false]]))
  const resolved = resolve({ extension: named.extension }, args, env, file)
  return "value" in resolved ? (resolved.value.values.extension ?? []) : []
}

type Member = App | Extension

const load = async (path: string): Promise<unknown | { readonly wrong: string }> => {
  try {
    return ((await import(pathToFileURL(resolvePath(path)).href)) as { readonly default?: unknown }).default
  } catch (error) {
    const [line = ""] = String(error instanceof Error ? error.message : error).split("\n")
    return { wrong: `it cannot be loaded: ${line}` }
  }
}

const has = (value: object, fields: Readonly<Record<string, string>>): boolean =>
  Object.entries(fields).every(([name, type]) => typeof (value as Record<string, unknown>)[name] === type)

const common = { name: "string", module: "string", settings: "object", configure: "function" }

/** What an application and an extension have in common must be right, or no thread could load it and no message name it. */
const judged = <M extends Member>(
  value: unknown,
  fields: Readonly<Record<string, string>>,
  what: string
): M | { readonly wrong: string } => {
  if (typeof value !== "object" || value === null || !has(value, { ...common, ...fields }))
    return {
      wrong: `its default export is no ${what}, which has ${Object.keys({ ...common, ...fields }).join(", ")} (docs/extending.md)`
    }
  const { name } = value as M
  return /^[a-z][a-z0-9-]{0,30}$/.test(name)
    ? (value as M)
    : { wrong: `its name is ${quoted(name)}: it must be one word of at most 31 lower case letters, digits and dashes` }
}

/** Options that two of them have: of a pod, an application, extensions. */
const clashes = (members: ReadonlyArray<Member>): ReadonlyArray<string> => {
  const owners = new Map(Object.keys(withSecretFiles(podSettings)).map((key) => [key, "the pod"]))
  const problems: Array<string> = []
  for (const { name, settings: table } of members)
    for (const key of Object.keys(withSecretFiles(table))) {
      const owner = owners.get(key)
      if (owner === undefined) owners.set(key, name)
      else problems.push(`the option --${optionName(key)} of ${name} is one of ${owner}: give it another name`)
    }
  return problems
}

/** What the command line names of a team's, beside what the program has already; and the command line without the path of `run`. */
export const withModules = async (
  argv: ReadonlyArray<string>,
  env: Environment,
  given: Team
): Promise<Outcome<{ readonly team: Team; readonly argv: ReadonlyArray<string> }>> => {
  const problems: Array<string> = []
  const taken = async <M extends Member>(
    path: string,
    option: string,
    what: string,
    fields: Readonly<Record<string, string>>
  ) => {
    const value = await load(path)
    const member =
      typeof value === "object" && value !== null && "wrong" in value
        ? (value as { readonly wrong: string })
        : judged<M>(value, fields, what)
    if (!("wrong" in member)) return [member]
    problems.push(`${option} is ${quoted(path)}: ${member.wrong}`)
    return []
  }
  const [first, path, ...rest] = argv
  const runs = first === "run" && path !== undefined && !path.startsWith("-")
  const running = runs
    ? await taken<App>(path, "the application", "application", { about: "string", load: "function" })
    : []
  const extensions = [...given.extensions]
  const isPod =
    first !== undefined && ["serve", "archive", "run", ...given.apps.map(({ name }) => name)].includes(first)
  for (const each of isPod ? extensionPaths(argv.slice(1), env) : [])
    extensions.push(...(await taken<Extension>(each, "--extension", "extension", { layer: "function" })))
  for (const app of [metricsApp as App, ...given.apps, ...running])
    for (const problem of clashes([app, ...extensions])) if (!problems.includes(problem)) problems.push(problem)
  if (problems.length > 0) return { problems }
  const [app] = running
  return {
    value: {
      team: { ...given, extensions, ...(app === undefined ? {} : { running: app }) },
      argv: runs ? ["run", ...rest] : argv
    }
  }
}
