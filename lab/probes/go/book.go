package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"sync"
	"time"
)

// key names what is counted apart.
type key struct {
	class, target, kind string
}

// book counts every probe and writes it to the raw log.
type book struct {
	log     *rawLog
	started time.Time

	mu      sync.Mutex
	tallies map[key]*tally
	events  []event
	leaves  map[string]leafName
}

type event struct {
	At   int64  `json:"at"`
	What string `json:"what"`
	Text string `json:"text"`
}

type leafName struct {
	issuer, fingerprint string
}

func newBook(log *rawLog) *book {
	return &book{log: log, started: time.Now(), tallies: map[key]*tally{}, leaves: map[string]leafName{}}
}

func (b *book) tally(k key) *tally {
	found := b.tallies[k]
	if found == nil {
		found = newTally()
		b.tallies[k] = found
	}
	return found
}

func (b *book) note(k key, began time.Time, ended time.Time, seen outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tally(k)
	t.add(began, ended, seen)
	if seen.leaf != nil {
		t.presented(b.nameLeaf(seen.leaf), began)
	}
	b.log.probe(k, began, ended.Sub(began), seen)
}

func (b *book) missed(k key, slots int, lag time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tally(k)
	t.skipped += slots
	t.longestLag = max(t.longestLag, lag)
}

func (b *book) event(what string, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	happened := event{At: time.Now().UnixMilli(), What: what, Text: text}
	b.events = append(b.events, happened)
	b.log.event(happened)
}

// nameLeaf parses each distinct certificate once; a server presents the same one thousands of times.
func (b *book) nameLeaf(der []byte) leafName {
	known, found := b.leaves[string(der)]
	if !found {
		sum := sha256.Sum256(der)
		known = leafName{fingerprint: hex.EncodeToString(sum[:])}
		if certificate, err := x509.ParseCertificate(der); err == nil {
			known.issuer = certificate.Issuer.String()
		}
		b.leaves[string(der)] = known
	}
	return known
}
