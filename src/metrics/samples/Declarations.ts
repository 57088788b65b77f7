/**
 * Declarations: what a source's records said of families, the latest of each kind and name: lines that come without belong to them.
 * It grows with every name that somebody makes up; its owner says which ones are of use to no line.
 */
import type { Statement } from "../read/Statement.ts"

/** What a statement takes besides its text. */
const STATEMENT_BYTES = 200

export class Declarations {
  /** What they take. */
  bytes = 0
  /** By kind and name. */
  private readonly statements = new Map<string, Statement>()

  get size(): number {
    return this.statements.size
  }

  all(): ReadonlyArray<Statement> {
    return [...this.statements.values()]
  }

  /** Of two of a kind and name the later one counts. */
  add(statement: Statement): void {
    if (statement.kind === "EOF" || statement.kind === "wrong") return
    const key = `${statement.kind} ${statement.name}`
    const before = this.statements.get(key)
    if (before !== undefined) this.remove(key, before)
    this.statements.set(key, statement)
    this.bytes += sizeOfStatement(statement)
  }

  /** Those of these names alone are left. */
  keepOf(names: ReadonlySet<string>): void {
    for (const [key, statement] of this.statements)
      if ("name" in statement && !names.has(statement.name)) this.remove(key, statement)
  }

  private remove(key: string, statement: Statement): void {
    this.statements.delete(key)
    this.bytes -= sizeOfStatement(statement)
  }
}

/** What one takes. */
export const sizeOfStatement = (statement: Statement): number =>
  statement.kind === "EOF" || statement.kind === "wrong"
    ? 0
    : STATEMENT_BYTES + 2 * statement.name.length + (statement.kind === "TYPE" ? 0 : statement.text.length)
