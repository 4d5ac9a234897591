package main

import (
	"os"
	"strconv"
	"time"
)

// epochVariable asks for results that are the same octets for the same findings,
// as tools that make packages and archives reproducible do.
const epochVariable = "SOURCE_DATE_EPOCH"

// lastEpoch is the last second of the year 9999, which JSON's times end with.
const lastEpoch = 253402300799

// sourceDate reads that variable: seconds since 1970. nil is not set.
func sourceDate() (*time.Time, error) {
	text := os.Getenv(epochVariable)
	if text == "" {
		return nil, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil || seconds > lastEpoch {
		return nil, usage("%s=%q is no number of seconds since 1970", epochVariable, text)
	}
	at := time.Unix(int64(seconds), 0).UTC()
	return &at, nil
}
