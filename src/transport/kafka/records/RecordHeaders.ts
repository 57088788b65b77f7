/** RecordHeaders: an object that has no names but the record's. Object.create(null) would do; V8 does not optimise its objects. */
export class Headers {
  [name: string]: Uint8Array
}
Reflect.deleteProperty(Headers.prototype, "constructor")
Object.setPrototypeOf(Headers.prototype, null)
