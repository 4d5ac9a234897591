package dns

import (
	"context"
	"errors"
)

// AsError gives the *Error in err's chain, or wraps err in one for that question.
func AsError(err error, name Name, qtype Type) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	kind := Network
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		kind = Timeout
	case errors.Is(err, context.Canceled):
		kind = Cancelled
	}
	return &Error{Name: name, Type: qtype, Kind: kind, Detail: err.Error(), Err: err}
}
