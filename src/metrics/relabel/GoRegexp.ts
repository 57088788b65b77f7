/**
 * GoRegexp: a regular expression as Go has it, for rules that were written for Prometheus: RE2's syntax and time, Go's templates, anchored at
 * both ends as Prometheus anchors it. Pure.
 */
import { type Matcher, RE2JS } from "re2js"

/** Where a template names a group: `$1`, `$name`, `${name}`; the longest run of letters, digits and underscores is the name. */
const reference = /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu

/** -1 where it is no number: then it is a name. */
const groupNumber = (name: string): number => (/^(?:0|[1-9]\d{0,8})$/.test(name) ? Number(name) : -1)

export class GoRegexp {
  private readonly pattern: RE2JS
  private readonly groups: number
  private readonly names: Readonly<Record<string, number>>

  /** Throws where it is none; the message is Go's. */
  constructor(source: string) {
    this.pattern = RE2JS.compile(`^(?s:${source})$`)
    this.groups = this.pattern.groupCount()
    this.names = this.pattern.namedGroups()
  }

  matches(text: string): boolean {
    return this.pattern.test(text)
  }

  /** The templates, each with the groups of the first match; undefined where there is none. */
  expand(text: string, templates: ReadonlyArray<string>): ReadonlyArray<string> | undefined {
    const match = this.pattern.matcher(text)
    return match.find() ? templates.map((template) => this.fill(template, match)) : undefined
  }

  /** Every match replaced by the template. */
  replaceAll(text: string, template: string): string {
    const match = this.pattern.matcher(text)
    let done = ""
    let at = 0
    while (match.find()) {
      done += text.slice(at, match.start()) + this.fill(template, match)
      at = match.end()
    }
    return done + text.slice(at)
  }

  private fill(template: string, match: Matcher): string {
    return template.replace(reference, (_, bare: string | undefined, braced: string | undefined) => {
      const name = bare ?? braced
      if (name === undefined) return "$"
      const number = groupNumber(name)
      const group = number >= 0 ? number : Object.hasOwn(this.names, name) ? this.names[name]! : -1
      return group < 0 || group > this.groups ? "" : (match.group(group) ?? "")
    })
  }
}
