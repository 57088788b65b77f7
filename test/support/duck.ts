/** Duck: DuckDB over an archive in a folder, by the statements of docs/logs.md as they stand there. */
import { readFile } from "node:fs/promises"
import { DuckDBConnection } from "@duckdb/node-api"

export interface Duck {
  /** What the page asks of the view `logs`, which it makes before. */
  readonly question: string
  readonly answers: (sql: string) => Promise<ReadonlyArray<Readonly<Record<string, unknown>>>>
  readonly close: () => void
}

export const openDuck = async (folder: string): Promise<Duck> => {
  const page = await readFile(new URL("../../docs/logs.md", import.meta.url), "utf8")
  const [, sql] = /```sql\n([\s\S]*?)```/.exec(page)!
  const [view, question] = sql!.replaceAll("s3://our-logs/eu", folder).split(/;$/m)
  const connection = await DuckDBConnection.create()
  await connection.run(view!)
  return {
    question: question!,
    answers: async (text) => (await connection.runAndReadAll(text)).getRowObjectsJson(),
    close: () => connection.closeSync()
  }
}
