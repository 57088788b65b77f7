package main

import (
	"bytes"
	"errors"
	"io"
	"reflect"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// sample is one that the parser read.
type sample struct {
	raw    string // as it is written, without its value
	line   []byte // all of it
	labels labels.Labels
	value  float64
	ts     *int64
}

type wholeText struct {
	samples  []sample
	distinct int
	err      error
}

// readWhole reads until the parser ends or refuses.
func readWhole(text []byte, contentType string) (w wholeText) {
	p, err := newParser(bytes.Clone(text), contentType)
	if err != nil {
		w.err = err
		return w
	}
	distinct := map[string]bool{}
	for {
		entry, err := p.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				w.err = err
			}
			w.distinct = len(distinct)
			return w
		}
		if entry == textparse.EntrySeries {
			s := sampleOf(p)
			w.samples = append(w.samples, s)
			distinct[s.labels.String()] = true
		}
	}
}

func sampleOf(p textparse.Parser) sample {
	raw, ts, value := p.Series()
	s := sample{raw: string(raw), value: value}
	if ts != nil {
		t := *ts
		s.ts = &t
	}
	p.Labels(&s.labels)
	return s
}

type goodLines struct {
	samples []sample
	dropped []drop
	types   map[string]string
	broken  error
}

// entry is what the parser read at once: mostly a line, less or more where blanks and line feeds stand oddly.
type entry struct {
	start, end int
	before     model.MetricType // the last TYPE before it
	sample     *sample
	name       string
	typ        model.MetricType
}

// readLines reads what is left once those lines are cut out for which the parser refuses the text, one by one: the line in which the
// entry begins that it cannot read. It reads on behind the line, with the TYPE that was said last, since that decides how `le` and
// `quantile` are read.
func readLines(text []byte, contentType string) (g goodLines) {
	g.types = map[string]string{}
	rest, last := bytes.Clone(text), model.MetricType("")
	for {
		entries, stop := readSome(rest, contentType, last)
		from, to := len(rest), len(rest)
		if stop.err != nil || stop.at < len(rest) {
			from, to = lineAt(rest, min(stop.at, max(0, len(rest)-1)))
			if stop.noEOF {
				g.broken = stop.err
				return g
			}
		}
		good := entries
		restart, before := from, last
		for k, e := range entries {
			if e.end > from {
				good = entries[:k]
				restart, _ = lineAt(rest, e.start)
				before = e.before
				break
			}
			before = e.before
			if e.typ != "" {
				before = e.typ
			}
		}
		for _, e := range good {
			if e.sample != nil {
				begin, _ := lineAt(rest, e.start)
				_, end := lineAt(rest, max(e.start, e.end-1))
				e.sample.line = rest[begin:end]
				g.samples = append(g.samples, *e.sample)
			}
			if e.typ != "" {
				g.types[e.name] = string(e.typ)
			}
		}
		if from == to {
			return g
		}
		reason := "a NUL ends the text"
		if stop.err != nil {
			reason = stop.err.Error()
		}
		if line := rest[from:to]; stop.afterEOF && (string(line) == "# EOF\n" || string(line) == "# EOF") {
			for at := to; at < len(rest); {
				_, end := lineAt(rest, at)
				g.dropped = append(g.dropped, drop{rest[at:end], reason})
				at = end
			}
			return g
		}
		g.dropped = append(g.dropped, drop{rest[from:to], reason})
		rest = append(bytes.Clone(rest[restart:from]), rest[to:]...)
		last = before
	}
}

// stop is where the parser came to an end, and why.
type stop struct {
	at              int
	err             error
	noEOF, afterEOF bool
}

// readSome reads up to the end or the first entry that cannot be read.
func readSome(text []byte, contentType string, last model.MetricType) (entries []entry, s stop) {
	prefix := ""
	if last != "" {
		word := string(last)
		p, _ := newParser([]byte("\n"), contentType)
		if _, isText := p.(*textparse.PromParser); isText && last == model.MetricTypeUnknown {
			word = "untyped"
		}
		prefix = "# TYPE _ " + word + "\n"
	}
	p, _ := newParser(append([]byte(prefix), text...), contentType)
	if prefix != "" {
		if _, err := p.Next(); err != nil {
			fail(err)
		}
	}
	for {
		kind, err := p.Next()
		start, end := position(p)
		start, end = start-len(prefix), end-len(prefix)
		switch {
		case errors.Is(err, io.EOF):
			if _, isText := p.(*textparse.PromParser); isText && end < len(text) {
				// A NUL, see promlex.l: that is no error, but nothing behind it is read.
				return entries, stop{at: start}
			}
			return entries, stop{at: len(text)}
		case err != nil:
			return entries, stop{
				at:       start,
				err:      err,
				noEOF:    err.Error() == "data does not end with # EOF",
				afterEOF: err.Error() == "unexpected data after # EOF",
			}
		}
		e := entry{start: start, end: min(end, len(text)), before: last}
		switch kind {
		case textparse.EntrySeries:
			read := sampleOf(p)
			e.sample = &read
		case textparse.EntryType:
			name, typ := p.Type()
			e.name, e.typ = string(name), typ
			last = typ
		}
		entries = append(entries, e)
	}
}

// position is where the entry at hand begins, and how far the lexer is: the parsers keep both to themselves.
func position(p textparse.Parser) (start, at int) {
	v := reflect.ValueOf(p).Elem()
	return int(v.FieldByName("start").Int()), int(v.FieldByName("l").Elem().FieldByName("i").Int())
}

// lineAt is the line around a byte, with its line feed.
func lineAt(text []byte, at int) (from, to int) {
	from = bytes.LastIndexByte(text[:at], '\n') + 1
	if feed := bytes.IndexByte(text[at:], '\n'); feed >= 0 {
		return from, at + feed + 1
	}
	return from, len(text)
}
