/** Password: that of a login, as its file has it at this moment. A file that cannot be read now costs no connection: the last password may still be right. */
import { readSecretFile } from "../../../SecretFile.ts"
import type { KafkaOptions } from "./KafkaOptions.ts"

type Login = NonNullable<KafkaOptions["sasl"]>

/** A copy: kafkajs keeps its authenticator in it. `trouble`: for whoever tells that the login was refused. */
export const loginNow = ({ passwordFile, ...sasl }: Login): { readonly sasl: Login; readonly trouble: string } => {
  if (passwordFile === undefined) return { sasl, trouble: "" }
  try {
    return { sasl: { ...sasl, password: readSecretFile(passwordFile) }, trouble: "" }
  } catch {
    return { sasl, trouble: ` (the file of the password, ${passwordFile}, cannot be read: an earlier one was used)` }
  }
}
