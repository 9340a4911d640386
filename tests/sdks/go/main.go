// Command shop is a service of a shop with the usual instrumentations of Go: net/http, both sides, and database/sql.
//
//	shop shop http://127.0.0.1:PORT   # asks the stock at that address
//	shop stock
//
// It prints the port that it listens on, and ends when it is terminated, with everything exported. The same routes are
// in ../python/shop.py and ../javascript/shop.js.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	patience   = 200 * time.Millisecond
	slow       = 600 * time.Millisecond
	closedPort = 1 // nothing listens there
)

var (
	tracer = otel.Tracer("shop.orders", trace.WithInstrumentationVersion("1.4.2"))
	client = &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)}
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(arguments []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return err
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})

	database, err := openDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	mux := http.NewServeMux()
	switch {
	case len(arguments) == 2 && arguments[0] == "shop":
		shop(mux, database, arguments[1])
	case len(arguments) == 1 && arguments[0] == "stock":
		stock(mux, database)
	default:
		return errors.New("expected `shop URL` or `stock`")
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: otelhttp.NewHandler(mux, "server")}
	go func() {
		<-ctx.Done()
		if err := server.Shutdown(context.Background()); err != nil {
			log.Print(err)
		}
	}()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return provider.Shutdown(context.Background())
}

// openDatabase opens SQLite in memory, on one connection: another one would be another database.
func openDatabase(ctx context.Context) (*sql.DB, error) {
	database, err := otelsql.Open("sqlite", ":memory:", otelsql.WithAttributes(semconv.DBSystemNameSQLite))
	if err != nil {
		return nil, err
	}
	database.SetMaxOpenConns(1)
	ctx, span := tracer.Start(ctx, "prepare")
	defer span.End()
	for _, statement := range []string{
		"CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT)",
		"CREATE TABLE orders (number TEXT PRIMARY KEY)",
	} {
		if _, err := database.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	return database, nil
}

func product(ctx context.Context, database *sql.DB, number string) error {
	var name string
	err := database.QueryRowContext(ctx, "SELECT name FROM products WHERE id = ?", number).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

func get(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// shop has the routes of the service that callers see.
func shop(mux *http.ServeMux, database *sql.DB, stock string) {
	mux.HandleFunc("GET /products/{number}", func(w http.ResponseWriter, r *http.Request) {
		if err := product(r.Context(), database, r.PathValue("number")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		status, err := get(r.Context(), stock+"/stock/"+r.PathValue("number"))
		switch {
		case err != nil || status >= 500:
			http.Error(w, "no answer from the stock", http.StatusBadGateway)
		case status == http.StatusNotFound:
			http.NotFound(w, r)
		}
	})

	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		_, err := database.ExecContext(r.Context(), "INSERT INTO orders (number) VALUES (?)", r.URL.Query().Get("number"))
		var failed *sqlite.Error
		switch {
		case errors.As(err, &failed) && failed.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			http.Error(w, "ordered before", http.StatusConflict)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.WriteHeader(http.StatusCreated)
		}
	})

	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if _, err := get(ctx, stock+"/slow"); err != nil {
			http.Error(w, "stock is slow", http.StatusGatewayTimeout)
		}
	})

	mux.HandleFunc("GET /unreachable", func(w http.ResponseWriter, r *http.Request) {
		if _, err := get(r.Context(), fmt.Sprintf("http://127.0.0.1:%d/", closedPort)); err != nil {
			http.Error(w, "nobody there", http.StatusBadGateway)
		}
	})

	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, r *http.Request) {
		_, span := tracer.Start(r.Context(), "refund", trace.WithAttributes(attribute.String("shop.order", "A-1")))
		defer span.End()
		err := errors.New("the till is stuck")
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
		http.Error(w, err.Error(), http.StatusInternalServerError)
	})
}

// stock has the routes of the service behind it.
func stock(mux *http.ServeMux, database *sql.DB) {
	mux.HandleFunc("GET /stock/{number}", func(w http.ResponseWriter, r *http.Request) {
		number, err := strconv.Atoi(r.PathValue("number"))
		if err == nil {
			err = product(r.Context(), database, r.PathValue("number"))
		}
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		case number == http.StatusNotFound || number == http.StatusServiceUnavailable:
			http.Error(w, "none", number)
		default:
			if err := json.NewEncoder(w).Encode(map[string]int{"amount": number}); err != nil {
				log.Print(err)
			}
		}
	})

	mux.HandleFunc("GET /slow", func(http.ResponseWriter, *http.Request) { time.Sleep(slow) })
}
