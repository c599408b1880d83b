// Package register makes no generators known: most are a cloud's.
package register
