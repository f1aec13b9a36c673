// Package cookbook runs the code of docs/clients/go.md against a real service.
package cookbook
