import { assert, describe, it } from "@effect/vitest"
import { Book } from "../../../src/agent/log/Book.ts"
import { Stream } from "../../../src/agent/log/Stream.ts"
import { newStream } from "../../../src/Span.ts"

const begin = (book: Book, id: string, path: string, now: number, source = "h/a.log"): Stream => {
  const stream = Stream.begin(newStream(), source, path, id, now)
  book.add(stream, false)
  book.bind(stream, path, id)
  return stream
}

describe("Book", () => {
  it("a stream begins when those before it of its source were read to an end that was looked for after it was born", () => {
    const book = new Book()
    const first = begin(book, "1", "a", 10)
    const second = begin(book, "2", "b", 20)
    assert.isTrue(book.mayBegin(first, 30))
    assert.isFalse(book.mayBegin(second, 30))
    first.endSeenAt = 15
    assert.isFalse(book.mayBegin(second, 30))
    first.endSeenAt = 25
    assert.isTrue(book.mayBegin(second, 30))
    assert.isTrue(book.mayBegin(begin(book, "3", "c", 26, "h/other.log"), 30))
  })

  it("one that is lost is waited for until it was looked for", () => {
    const book = new Book()
    const first = begin(book, "1", "a", 10)
    const second = begin(book, "2", "b", 20)
    book.unbind(first)
    first.lose(20)
    assert.isFalse(book.mayBegin(second, 5_000))
    first.sought = 2
    assert.isFalse(book.mayBegin(second, 100))
    assert.isTrue(book.mayBegin(second, 5_000))
  })

  it("a path is one stream's: who is renamed over is not there any more", () => {
    const book = new Book()
    const first = begin(book, "1", "a", 0)
    const second = begin(book, "2", "b", 0)
    book.bind(second, "a", "2")
    assert.deepStrictEqual(
      [first.path, second.path, book.ofPath("a"), book.ofPath("b")],
      [undefined, "a", second, undefined]
    )
  })

  it("what an earlier run kept is known though the device has another number", () => {
    const book = new Book()
    const { place } = Stream.begin(newStream(), "h/a.log", "a", "1:2:3", 0)
    const stream = new Stream(place, 0, true)
    book.add(stream, true)
    assert.strictEqual(book.ofId("9:2:3"), stream)
    book.bind(stream, "a", "9:2:3")
    assert.isUndefined(book.ofId("8:2:3"))
  })

  it("what is over and gone is forgotten after a while, what is there is not", () => {
    const book = new Book()
    const gone = begin(book, "1", "a", 0)
    begin(book, "2", "b", 0)
    book.unbind(gone)
    gone.isOver = true
    gone.lose(0)
    assert.isFalse(book.forget(1_000))
    assert.isTrue(book.forget(600_000))
    assert.isUndefined(book.ofId("1"))
    assert.strictEqual([...book].length, 1)
  })
})
