package report

import (
	"encoding/json"
	"reflect"
	"time"
)

var (
	findingType = reflect.TypeFor[Finding]()
	rawType     = reflect.TypeFor[json.RawMessage]()
	timeType    = reflect.TypeFor[time.Time]()
)

// Normalise gives a copy that holds to the contract of the JSON: no list is
// nil, and text that is not UTF-8 has its odd octets spelt \xNN, with spans
// moved along. Every format works on such a copy, so that a saved document
// renders as the live one did. It is idempotent.
func Normalise(d *Document) *Document {
	v := normal(reflect.ValueOf(*d)).Interface().(Document)
	if v.SchemaVersion == "" {
		v.SchemaVersion = SchemaVersion
	}
	return &v
}

func normal(v reflect.Value) reflect.Value {
	switch {
	case v.Type() == timeType:
		return reflect.ValueOf(v.Interface().(time.Time).UTC().Truncate(time.Second))
	case v.Type() == rawType:
		if v.Len() == 0 {
			return reflect.ValueOf(json.RawMessage("null"))
		}
		return v
	}
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		s, _ := validText(v.String(), nil)
		out.SetString(s)
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(normal(v.Elem()))
		}
	case reflect.Interface:
		if !v.IsNil() {
			out.Set(normal(v.Elem()))
		}
	case reflect.Slice:
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(normal(v.Index(i)))
		}
	case reflect.Map:
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for _, k := range v.MapKeys() {
			out.SetMapIndex(normal(k), normal(v.MapIndex(k)))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				out.Field(i).Set(normal(v.Field(i)))
			}
		}
		if v.Type() == findingType {
			in, f := v.Interface().(Finding), out.Addr().Interface().(*Finding)
			f.Record, f.Span = validText(in.Record, in.Span)
		}
	default:
		out.Set(v)
	}
	return out
}
