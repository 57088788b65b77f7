/**
 * InTurn: in which order the test files begin. First those of `test/system`, which mostly wait, and those of `test/simulation`, which compute, in turn, so that
 * beside some that wait one uses the processor; then all others, which are short and fill up what the last of the long ones leave.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Files that wait for one that computes. */
const waiting = 2

export class InTurn extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const all = await super.sort(files)
    const of = (folder: string) => all.filter(({ moduleId }) => moduleId.includes(`/test/${folder}/`))
    const [system, simulation] = [of("system"), of("simulation")]
    const turns = system.flatMap((file, i) => (i % waiting === 1 ? [file, simulation[(i - 1) / waiting]] : file))
    return [...new Set([...turns, ...simulation, ...all])].filter((file) => file !== undefined)
  }
}
